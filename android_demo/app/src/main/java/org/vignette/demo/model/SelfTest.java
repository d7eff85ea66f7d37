package org.vignette.demo.model;

import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * Replays the contract's golden vectors on this phone: letterbox first, then the model. If the letterbox differs,
 * the model is not run, because its input is already wrong.
 */
public final class SelfTest {
    /** The results of one kind of kernels on all vectors. Immutable. */
    public static final class Run {
        public final Classifier.Kernels kernels;
        /** In probability units, over all vectors and outputs. */
        public final double largestDifference;
        /** The largest difference allowed, in probability units; 0 demands equal bytes. */
        public final double allowed;
        /** The first vector that differs by more; null if none. */
        public final String wrongVector;
        /** Whether a top answer changed although its margin was more than twice the tolerance. */
        public final boolean topChanged;

        public Run(Classifier.Kernels kernels, double largestDifference, double allowed, String wrongVector,
                boolean topChanged) {
            this.kernels = kernels;
            this.largestDifference = largestDifference;
            this.allowed = allowed;
            this.wrongVector = wrongVector;
            this.topChanged = topChanged;
        }

        boolean right() {
            return wrongVector == null && !topChanged;
        }
    }

    /** The result of a whole self-test. Immutable. */
    public static final class Report {
        public final int vectors;
        /** Whether the contract is of version 1, which cannot hold XNNPACK to equal bytes. */
        public final boolean weaker;
        /** The first vector whose letterbox differs; null if none. */
        public final String wrongLetterbox;
        /** One for each kind of kernels; empty if the letterbox is wrong. */
        public final Run[] runs;

        public Report(int vectors, boolean weaker, String wrongLetterbox, Run... runs) {
            this.vectors = vectors;
            this.weaker = weaker;
            this.wrongLetterbox = wrongLetterbox;
            this.runs = runs.clone();
        }

        public boolean right() {
            boolean right = wrongLetterbox == null;
            for (Run run : runs) {
                right &= run.right();
            }
            return right;
        }
    }

    private final Contract contract;
    private final Frame frame;

    SelfTest(Contract contract, Frame frame) {
        this.contract = contract;
        this.frame = frame;
    }

    /**
     * Runs the whole self-test.
     *
     * @param live the classifier used for the camera.
     * @throws BundleException the runtime rejects the model on its built-in kernels.
     */
    Report run(ModelFile model, Classifier live) throws BundleException {
        int all = contract.vectors.size();
        for (Contract.Vector vector : contract.vectors) {
            frame.fill(vector.rgb, vector.width, vector.height);
            String sha256 = ModelFile.sha256(ByteBuffer.wrap(frame.pixels));
            if (!sha256.equals(vector.preparedSha256.toLowerCase(Locale.ROOT))) {
                return new Report(all, contract.weaker(), vector.name);
            }
        }
        try (Classifier builtIn = new Classifier(model, Classifier.Kernels.BUILT_IN)) {
            return new Report(all, contract.weaker(), null, run(builtIn, Classifier.Kernels.BUILT_IN),
                    run(live, Classifier.Kernels.XNNPACK));
        }
    }

    private Run run(Classifier classifier, Classifier.Kernels kernels) {
        double allowed = contract.allowed(kernels);
        double largest = 0;
        String wrongVector = null;
        boolean topChanged = false;
        for (Contract.Vector vector : contract.vectors) {
            frame.fill(vector.rgb, vector.width, vector.height);
            float[] expected = Classifier.probabilities(contract, vector.output(kernels));
            float[] received = Classifier.probabilities(contract, classifier.run(frame.pixels));
            double difference = difference(expected, received);
            largest = Math.max(largest, difference);
            // Half a millionth covers the float arithmetic of the comparison itself.
            boolean beyond = difference > allowed + 5e-7 || Double.isNaN(difference);
            boolean top = topChanged(expected, received, contract.tolerance);
            if ((beyond || top) && wrongVector == null) {
                wrongVector = vector.name;
            }
            topChanged |= top;
        }
        return new Run(kernels, largest, allowed, wrongVector, topChanged);
    }

    /** The largest difference between two answers; NaN if any value is. */
    static double difference(float[] expected, float[] received) {
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            // Math.max propagates NaN; a comparison would drop it.
            largest = Math.max(largest, Math.abs((double) expected[i] - received[i]));
        }
        return largest;
    }

    /** Whether the top answer changed although the expected one leads by more than twice the tolerance. */
    static boolean topChanged(float[] expected, float[] received, double tolerance) {
        int[] best = Answer.ranked(expected, 2);
        boolean clear = best.length < 2 || (double) expected[best[0]] - expected[best[1]] > 2 * tolerance;
        return clear && Answer.ranked(received, 1)[0] != best[0];
    }
}
