package org.vignette.demo.core;

import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The times of many runs, in milliseconds, and their percentiles. Immutable. */
public final class Distribution {
    private final double[] sorted;

    /** @param values at least one; copied. */
    public Distribution(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a distribution needs a value");
        }
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

    /**
     * The width of the 95% interval of the median, relative to the median; infinite if the median is 0 and the
     * interval is not.
     */
    public double precision() {
        double width = high() - low();
        return width == 0 ? 0 : width / percentile(50);
    }

    public double max() {
        return sorted[sorted.length - 1];
    }

    public JSONObject json() throws JSONException {
        return new JSONObject()
                .put("p50", rounded(percentile(50)))
                .put("p90", rounded(percentile(90)))
                .put("p99", rounded(percentile(99)))
                .put("min", rounded(sorted[0]))
                .put("max", rounded(max()))
                .put("p50_interval", new JSONArray().put(rounded(low())).put(rounded(high())));
    }

    /**
     * The lower end of the 95% interval of the median, a rank whatever the distribution (Campbell and Gardner, BMJ 296
     * (1988), 1454). Of fewer than six values it is the smallest.
     */
    private double low() {
        return sorted[(int) Math.max(0, Math.rint((sorted.length - spread()) / 2) - 1)];
    }

    private double high() {
        return sorted[(int) Math.min(sorted.length - 1, Math.rint((sorted.length + spread()) / 2))];
    }

    private double spread() {
        return 1.96 * Math.sqrt(sorted.length);
    }

    /** Rounded to a ten-thousandth of a millisecond: no phone's clock is finer. */
    public static double rounded(double ms) {
        return Math.rint(ms * 1e4) / 1e4;
    }
}
