package org.vignette.demo.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The model's answer for one picture, and how long it took. Immutable. */
public final class Answer {
    /** A label and its probability, 0 to 1. */
    public static final class Score {
        public final String label;
        public final float probability;

        Score(String label, float probability) {
            this.label = label;
            this.probability = probability;
        }
    }

    /** The most probable labels, best first. */
    public final List<Score> best;
    /** Whether the best score reaches the threshold. */
    public final boolean known;
    public final double grabMs;
    public final double letterboxMs;
    public final double modelMs;
    /** The flavour that answered; null where there is no other. */
    public final String flavour;

    /**
     * @param probabilities one for each label of the contract.
     * @param most how many labels to keep.
     */
    public Answer(Contract contract, float[] probabilities, int most, double grabMs, double letterboxMs,
            double modelMs) {
        this(contract, contract.threshold, probabilities, most, grabMs, letterboxMs, modelMs, null);
    }

    /** As above, with another threshold than the contract's, and named after its flavour. */
    Answer(Contract contract, double threshold, float[] probabilities, int most, double grabMs, double letterboxMs,
            double modelMs, String flavour) {
        List<Score> scores = new ArrayList<>();
        for (int i : ranked(probabilities, most)) {
            scores.add(new Score(contract.labels.get(i), probabilities[i]));
        }
        best = Collections.unmodifiableList(scores);
        known = best.get(0).probability >= threshold;
        this.grabMs = grabMs;
        this.letterboxMs = letterboxMs;
        this.modelMs = modelMs;
        this.flavour = flavour;
    }

    /** The indices of the highest values, highest first; ties go to the lower index. */
    public static int[] ranked(float[] values, int most) {
        int[] order = new int[Math.min(most, values.length)];
        boolean[] taken = new boolean[values.length];
        for (int rank = 0; rank < order.length; rank++) {
            int top = -1;
            for (int i = 0; i < values.length; i++) {
                if (!taken[i] && (top < 0 || values[i] > values[top])) {
                    top = i;
                }
            }
            taken[top] = true;
            order[rank] = top;
        }
        return order;
    }
}
