package org.vignette.demo.core;

import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The times of many runs, in milliseconds, and their percentiles. Immutable. */
public final class Distribution {
    private final double[] values;
    private final double[] sorted;

    /** @param values at least one, in run order; copied. */
    public Distribution(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a distribution needs a value");
        }
        this.values = values.clone();
        sorted = values.clone();
        Arrays.sort(sorted);
    }

    /**
     * A percentile by linear interpolation between the two nearest values, like NumPy.
     *
     * @param percent 0 to 100.
     */
    public double percentile(double percent) {
        double at = percent / 100 * (sorted.length - 1);
        int below = (int) Math.floor(at);
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }

    public double max() {
        return sorted[sorted.length - 1];
    }

    public JSONObject json() throws JSONException {
        JSONArray all = new JSONArray();
        for (double value : values) {
            all.put(rounded(value));
        }
        return new JSONObject()
                .put("p50", rounded(percentile(50)))
                .put("p90", rounded(percentile(90)))
                .put("p99", rounded(percentile(99)))
                .put("min", rounded(sorted[0]))
                .put("max", rounded(max()))
                .put("values", all);
    }

    /** Rounded to a ten-thousandth of a millisecond: no phone's clock is finer. */
    public static double rounded(double ms) {
        return Math.rint(ms * 1e4) / 1e4;
    }
}
