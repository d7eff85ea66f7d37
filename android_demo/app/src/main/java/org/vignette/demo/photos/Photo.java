package org.vignette.demo.photos;

import java.io.File;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.Distribution;
import org.vignette.demo.core.Phone;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame.Shot;

/** A photo that was kept, with its document in the format of photo.schema.json. Immutable. */
public final class Photo {
    static final int VERSION = 1;

    /** How the user has labelled it. */
    public enum Naming {
        NOTHING,
        /** It is one of the labels. */
        LABEL,
        /** It is none of them. */
        NONE
    }

    /** The picture; the document is next to it. */
    public final File picture;
    /** The model's labels, most probable first. */
    public final List<String> labels;
    /** The most probable label's probability. */
    public final double probability;
    /** What the app answered; null for "I don't know". */
    public final String answer;
    public final Naming naming;
    /** With LABEL. */
    public final String truth;
    /** The flavour that answered. */
    final String flavour;
    /** ISO 8601, UTC. */
    final String takenAt;

    private final String document;

    private Photo(File picture, JSONObject json) throws JSONException {
        this.picture = picture;
        if (json.getInt("photo_version") != VERSION) {
            throw new JSONException("photo_version " + json.getInt("photo_version"));
        }
        JSONArray names = json.getJSONArray("labels");
        JSONArray values = json.getJSONArray("probabilities");
        float[] probabilities = new float[names.length()];
        for (int i = 0; i < probabilities.length; i++) {
            probabilities[i] = (float) values.getDouble(i);
        }
        List<String> ranked = new ArrayList<>();
        for (int i : Answer.ranked(probabilities, probabilities.length)) {
            ranked.add(names.getString(i));
        }
        labels = Collections.unmodifiableList(ranked);
        probability = probabilities[Answer.ranked(probabilities, 1)[0]];
        answer = json.isNull("answer") ? null : json.getString("answer");
        flavour = json.getJSONObject("model").getString("flavour");
        takenAt = json.getString("taken_at");
        JSONObject word = json.isNull("truth") ? null : json.getJSONObject("truth");
        naming = word == null ? Naming.NOTHING : word.isNull("label") ? Naming.NONE : Naming.LABEL;
        truth = naming == Naming.LABEL ? word.getString("label") : null;
        document = json.toString(1) + "\n";
    }

    /**
     * A new photo without a label.
     *
     * @param sha256 of the picture's file.
     * @param phone {@code app}, {@code device} and {@code runtime}.
     */
    public static Photo of(Shot shot, File picture, String sha256, JSONObject phone) throws JSONException {
        Contract contract = shot.contract;
        JSONArray probabilities = new JSONArray();
        for (float probability : shot.probabilities) {
            probabilities.put((double) probability);
        }
        Answer answer = new Answer(contract, shot.probabilities, 1, 0, 0, 0);
        return new Photo(picture, new JSONObject()
                .put("photo_version", VERSION)
                .put("file", picture.getName())
                .put("sha256", sha256)
                .put("width", shot.width)
                .put("height", shot.height)
                .put("session", picture.getParentFile().getName())
                .put("taken_at", Phone.iso(shot.takenAt))
                .put("app", phone.get("app"))
                .put("device", phone.get("device"))
                .put("runtime", phone.get("runtime"))
                .put("model", new JSONObject()
                        .put("file", contract.modelFile)
                        .put("flavour", contract.flavour)
                        .put("sha256", contract.modelSha256))
                .put("kernels", shot.kernels.id)
                .put("num_threads", shot.kernels.numThreads)
                .put("labels", new JSONArray(contract.labels))
                .put("threshold", contract.threshold)
                .put("probabilities", probabilities)
                .put("output", Base64.getEncoder().encodeToString(shot.output))
                .put("prepared_sha256", shot.preparedSha256)
                .put("answer", answer.known ? answer.best.get(0).label : JSONObject.NULL)
                .put("latency_ms", new JSONObject()
                        .put("grab", Distribution.rounded(shot.grabMs))
                        .put("letterbox", Distribution.rounded(shot.letterboxMs))
                        .put("model", Distribution.rounded(shot.modelMs)))
                .put("truth", JSONObject.NULL));
    }

    /** @throws JSONException it is damaged, or from another version of the app. */
    static Photo read(File picture, String document) throws JSONException {
        return new Photo(picture, new JSONObject(document));
    }

    /**
     * The same photo with the user's label.
     *
     * @param label one of the labels; null for none of them.
     */
    Photo withLabel(String label, long labelledAt) {
        if (label != null && !labels.contains(label)) {
            throw new IllegalArgumentException(label);
        }
        try {
            return new Photo(picture, new JSONObject(document).put("truth", new JSONObject()
                    .put("label", label == null ? JSONObject.NULL : label)
                    .put("said_at", Phone.iso(labelledAt))));
        } catch (JSONException e) {
            throw new AssertionError("it was read before", e);
        }
    }

    /** Whether the app's answer agrees with the user's label; for none of the labels, "I don't know" is right. */
    boolean isRight() {
        return naming != Naming.NOTHING && Objects.equals(answer, truth);
    }

    /** When it was taken, in the phone's own time and the user's language. */
    String time() {
        return DateTimeFormatter.ofLocalizedDateTime(FormatStyle.MEDIUM)
                .format(Instant.parse(takenAt).atZone(ZoneId.systemDefault()));
    }

    /** Where a picture's document is stored. */
    public static File document(File picture) {
        String name = picture.getName();
        return new File(picture.getParentFile(), name.substring(0, name.length() - ".png".length()) + ".json");
    }

    /** The document's text. */
    public String text() {
        return document;
    }
}
