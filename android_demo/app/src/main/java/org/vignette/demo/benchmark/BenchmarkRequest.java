package org.vignette.demo.benchmark;

import android.os.Bundle;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.model.Classifier;

/** What to measure. Fully validated, because it may come from outside. Immutable. */
final class BenchmarkRequest {
    static final String SESSION = "session";
    static final int MOST_MODELS = 16;

    private static final Pattern ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}");
    private static final int MOST_RUNS = 1000;
    private static final int MOST_SECONDS = 1800;
    private static final int MOST_THREADS = 16;
    private static final int MOST_COUNTS = 8;

    final String session;
    /** Names of folders; empty for all. */
    final List<String> models;
    final int runs;
    final int warmUpRuns;
    final List<Integer> numThreads;
    final List<Classifier.Kernels> kernels;
    /** Per model; 0 for no sustained run. */
    final int sustainedSeconds;

    private BenchmarkRequest(String session, List<String> models, int runs, int warmUpRuns, List<Integer> numThreads,
            List<Classifier.Kernels> kernels, int sustainedSeconds) {
        this.session = session;
        this.models = Collections.unmodifiableList(models);
        this.runs = runs;
        this.warmUpRuns = warmUpRuns;
        this.numThreads = Collections.unmodifiableList(numThreads);
        this.kernels = Collections.unmodifiableList(kernels);
        this.sustainedSeconds = sustainedSeconds;
    }

    /**
     * The session that an intent names.
     *
     * @throws BenchmarkException it is missing, or not a valid file name.
     */
    static String session(Bundle extras) throws BenchmarkException {
        Object session = extras == null ? null : extras.get(SESSION);
        if (!(session instanceof String) || !ID.matcher((String) session).matches()) {
            throw unexpected(SESSION, session, ID.pattern());
        }
        return (String) session;
    }

    /**
     * What an intent asks for.
     *
     * @throws BenchmarkException an extra is invalid; the message names it.
     */
    static BenchmarkRequest read(Bundle extras) throws BenchmarkException {
        List<Integer> threads = new ArrayList<>();
        for (String count : list(extras, "threads", "1,2,4", MOST_COUNTS)) {
            threads.add(whole("threads", count, 1, MOST_THREADS));
        }
        List<Classifier.Kernels> kernels = new ArrayList<>();
        for (String id : list(extras, "kernels", "XNNPACK,built-in", 2)) {
            kernels.add(kernels(id));
        }
        List<String> models = extras.containsKey("models")
                ? list(extras, "models", "", MOST_MODELS) : new ArrayList<>();
        for (String name : models) {
            if (!Models.NAME.matcher(name).matches()) {
                throw unexpected("models", name, Models.NAME.pattern());
            }
        }
        return new BenchmarkRequest(session(extras), models,
                whole("runs", extras.get("runs"), 50, 1, MOST_RUNS),
                whole("warm_up_runs", extras.get("warm_up_runs"), 10, 0, MOST_RUNS),
                threads, kernels,
                whole("sustained_seconds", extras.get("sustained_seconds"), 0, 0, MOST_SECONDS));
    }

    /** The default request, as started by the button. */
    static BenchmarkRequest usual(String session, boolean sustained) {
        List<Integer> threads = new ArrayList<>();
        Collections.addAll(threads, 1, 2, 4);
        List<Classifier.Kernels> kernels = new ArrayList<>();
        Collections.addAll(kernels, Classifier.Kernels.XNNPACK, Classifier.Kernels.BUILT_IN);
        return new BenchmarkRequest(session, new ArrayList<>(), 50, 10, threads, kernels, sustained ? 60 : 0);
    }

    /** @param measured the names of the models measured. */
    JSONObject json(List<String> measured) throws JSONException {
        JSONArray ids = new JSONArray();
        for (Classifier.Kernels kind : kernels) {
            ids.put(kind.id);
        }
        return new JSONObject()
                .put("models", new JSONArray(measured))
                .put("runs", runs)
                .put("warm_up_runs", warmUpRuns)
                .put("num_threads", new JSONArray(numThreads))
                .put("kernels", ids)
                .put("sustained_seconds", sustainedSeconds);
    }

    /** Comma-separated, without duplicates. */
    private static List<String> list(Bundle extras, String key, String usual, int most) throws BenchmarkException {
        Object value = extras.containsKey(key) ? extras.get(key) : usual;
        String[] parts = value instanceof String ? ((String) value).split(",", -1) : new String[0];
        Set<String> once = new LinkedHashSet<>();
        Collections.addAll(once, parts);
        if (parts.length == 0 || parts.length > most || once.size() < parts.length) {
            throw unexpected(key, value, "a,b,… (1 … " + most + ")");
        }
        return new ArrayList<>(once);
    }

    private static Classifier.Kernels kernels(String id) throws BenchmarkException {
        for (Classifier.Kernels kind : Classifier.Kernels.values()) {
            if (kind.id.equals(id)) {
                return kind;
            }
        }
        throw unexpected("kernels", id, "XNNPACK, built-in");
    }

    private static int whole(String key, Object value, int usual, int least, int most) throws BenchmarkException {
        if (value == null) {
            return usual;
        }
        if (!(value instanceof Integer)) {
            throw unexpected(key, value, least + " … " + most);
        }
        return within(key, (Integer) value, least, most);
    }

    private static int whole(String key, String digits, int least, int most) throws BenchmarkException {
        if (!digits.matches("[0-9]{1,4}")) {
            throw unexpected(key, digits, least + " … " + most);
        }
        return within(key, Integer.parseInt(digits), least, most);
    }

    private static int within(String key, int number, int least, int most) throws BenchmarkException {
        if (number < least || number > most) {
            throw unexpected(key, number, least + " … " + most);
        }
        return number;
    }

    private static BenchmarkException unexpected(String key, Object received, String allowed) {
        String words = String.valueOf(received);
        return new BenchmarkException(R.string.extra_wrong, key, allowed,
                words.length() <= 80 ? words : words.substring(0, 80) + "…");
    }
}
