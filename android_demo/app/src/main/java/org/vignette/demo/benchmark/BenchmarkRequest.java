package org.vignette.demo.benchmark;

import android.os.Bundle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Classifier;

/** How to measure the models in the app. Fully validated, because it may come from outside. Immutable. */
final class BenchmarkRequest {
    private static final Pattern SESSION = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}");
    private static final int MOST_SECONDS = 600;
    private static final int MOST_SUSTAINED_SECONDS = 1800;
    private static final int MOST_THREADS = 16;
    private static final int MOST_COUNTS = 8;

    final String session;
    final List<Integer> numThreads;
    final List<Classifier.Kernels> kernels;
    /** The longest time for one combination. */
    final int maxSeconds;
    /** Per model; 0 for no sustained run. */
    final int sustainedSeconds;

    private BenchmarkRequest(String session, List<Integer> numThreads, List<Classifier.Kernels> kernels,
            int maxSeconds, int sustainedSeconds) {
        this.session = session;
        this.numThreads = Collections.unmodifiableList(numThreads);
        this.kernels = Collections.unmodifiableList(kernels);
        this.maxSeconds = maxSeconds;
        this.sustainedSeconds = sustainedSeconds;
    }

    /**
     * The session that an intent names.
     *
     * @throws LocalizedException it is missing, or not a valid file name.
     */
    static String session(Bundle extras) throws LocalizedException {
        Object session = extras == null ? null : extras.get("session");
        if (!(session instanceof String) || !SESSION.matcher((String) session).matches()) {
            throw unexpected("session", session, SESSION.pattern());
        }
        return (String) session;
    }

    /**
     * What an intent asks for.
     *
     * @throws LocalizedException an extra is invalid; the message names it.
     */
    static BenchmarkRequest read(Bundle extras) throws LocalizedException {
        List<Integer> threads = new ArrayList<>();
        for (String count : list(extras, "threads", "1,4", MOST_COUNTS)) {
            int number = count.matches("[0-9]{1,4}") ? Integer.parseInt(count) : 0;
            threads.add(within("threads", number, count, 1, MOST_THREADS));
        }
        List<Classifier.Kernels> kernels = new ArrayList<>();
        for (String id : list(extras, "kernels", Classifier.Kernels.XNNPACK.id, 2)) {
            kernels.add(kernels(id));
        }
        return new BenchmarkRequest(session(extras), threads, kernels,
                seconds(extras, "max_seconds", 60, 1, MOST_SECONDS),
                seconds(extras, "sustained_seconds", 0, 0, MOST_SUSTAINED_SECONDS));
    }

    /** The default request, as started by the button. */
    static BenchmarkRequest usual(String session, boolean sustained) {
        return new BenchmarkRequest(session, Arrays.asList(1, 4),
                Collections.singletonList(Classifier.Kernels.XNNPACK), 60, sustained ? 60 : 0);
    }

    JSONObject json() throws JSONException {
        JSONArray ids = new JSONArray();
        for (Classifier.Kernels kind : kernels) {
            ids.put(kind.id);
        }
        return new JSONObject()
                .put("num_threads", new JSONArray(numThreads))
                .put("kernels", ids)
                .put("max_seconds", maxSeconds)
                .put("sustained_seconds", sustainedSeconds);
    }

    /** Comma-separated, without duplicates. */
    private static List<String> list(Bundle extras, String key, String usual, int most) throws LocalizedException {
        Object value = extras.containsKey(key) ? extras.get(key) : usual;
        String[] parts = value instanceof String ? ((String) value).split(",", -1) : new String[0];
        Set<String> once = new LinkedHashSet<>();
        Collections.addAll(once, parts);
        if (parts.length == 0 || parts.length > most || once.size() < parts.length) {
            throw unexpected(key, value, "a,b,… (1 … " + most + ")");
        }
        return new ArrayList<>(once);
    }

    private static Classifier.Kernels kernels(String id) throws LocalizedException {
        for (Classifier.Kernels kind : Classifier.Kernels.values()) {
            if (kind.id.equals(id)) {
                return kind;
            }
        }
        throw unexpected("kernels", id, "XNNPACK, built-in");
    }

    private static int seconds(Bundle extras, String key, int usual, int least, int most) throws LocalizedException {
        Object value = extras.containsKey(key) ? extras.get(key) : Integer.valueOf(usual);
        return within(key, value instanceof Integer ? (Integer) value : -1, value, least, most);
    }

    private static int within(String key, int number, Object received, int least, int most)
            throws LocalizedException {
        if (number < least || number > most) {
            throw unexpected(key, received, least + " … " + most);
        }
        return number;
    }

    private static LocalizedException unexpected(String key, Object received, String allowed) {
        String words = String.valueOf(received);
        return new LocalizedException(R.string.extra_wrong, key, allowed,
                words.length() <= 80 ? words : words.substring(0, 80) + "…");
    }
}
