package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.res.Resources;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import org.json.JSONArray;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;

/** A benchmark's result as text and rows, taken from the document that is also written to the file. */
final class BenchmarkTable {
    private final LayoutInflater inflater;
    private final Resources resources;

    BenchmarkTable(Activity activity) {
        inflater = activity.getLayoutInflater();
        resources = activity.getResources();
    }

    /** Throttling, heat and memory. */
    static String conditions(Resources resources, JSONObject result) {
        JSONObject before = result.optJSONObject("before");
        JSONObject after = result.optJSONObject("after");
        int verdict = result.isNull("throttled") ? R.string.throttled_maybe
                : result.optBoolean("throttled") ? R.string.throttled_yes : R.string.throttled_no;
        StringBuilder words = new StringBuilder(resources.getString(verdict));
        if (!before.isNull("battery_celsius") && !after.isNull("battery_celsius")) {
            words.append(' ').append(resources.getString(R.string.battery_from_to,
                    before.optDouble("battery_celsius"), after.optDouble("battery_celsius")));
        }
        double pss = after.optJSONObject("memory").optLong("pss_kb") / 1024.0;
        words.append(' ').append(resources.getString(R.string.memory_used, pss));
        return words.append("\n\n").append(resources.getString(R.string.table_legend)).toString();
    }

    /** For each model, a heading and one row per measurement. */
    void fill(ViewGroup into, JSONObject result) {
        JSONArray models = result.optJSONArray("models");
        for (int i = 0; i < models.length(); i++) {
            model(into, models.optJSONObject(i));
        }
    }

    /** Of a model: its name, flavour and size. */
    static String heading(Resources resources, boolean builtIn, String flavour, long bytes) {
        return resources.getString(builtIn ? R.string.model_built_in : R.string.model_usable, flavour, bytes / 1024);
    }

    /** Kernels and threads. */
    static String way(Resources resources, Classifier.Kernels kernels, int numThreads) {
        int words = kernels.xnnpack ? R.plurals.way_xnnpack : R.plurals.way_built_in;
        return resources.getQuantityString(words, numThreads, numThreads);
    }

    private void model(ViewGroup into, JSONObject model) {
        String contract = model.optString("contract");
        boolean builtIn = contract.equals(Contract.FILE);
        if (!model.isNull("error")) {
            line(into, R.layout.heading, builtIn ? resources.getString(R.string.model_inside) : contract);
            line(into, R.layout.line, model.optString("error"));
            return;
        }
        line(into, R.layout.heading,
                heading(resources, builtIn, model.optString("flavour"), model.optLong("size_bytes")));
        View head = row(into, null, resources.getString(R.string.table_unit), "p50", "p90", "p99");
        head.setImportantForAccessibility(View.IMPORTANT_FOR_ACCESSIBILITY_NO_HIDE_DESCENDANTS);
        JSONArray all = model.optJSONArray("measurements");
        for (int i = 0; i < all.length(); i++) {
            measurement(into, all.optJSONObject(i));
        }
        JSONObject sustained = model.optJSONObject("sustained");
        if (sustained != null) {
            line(into, R.layout.line, resources.getString(R.string.sustained_row, way(sustained),
                    sustained.optDouble("seconds"), sustained.optDouble("first_ms"), sustained.optDouble("last_ms")));
        }
    }

    private void measurement(ViewGroup into, JSONObject measured) {
        if (!measured.isNull("error")) {
            line(into, R.layout.line, way(measured) + "\n" + measured.optString("error"));
            return;
        }
        JSONObject model = measured.optJSONObject("model_ms");
        String way = way(measured);
        String whole = resources.getString(R.string.whole_frame, ms(measured.optJSONObject("grab_ms"), "p50"),
                ms(measured.optJSONObject("letterbox_ms"), "p50"), ms(measured.optJSONObject("total_ms"), "p50"));
        View row = row(into, whole, way, number(model, "p50"), number(model, "p90"), number(model, "p99"));
        row.setContentDescription(resources.getString(R.string.measurement_spoken, way, ms(model, "p50"),
                ms(model, "p90"), ms(model, "p99"), whole));
    }

    private String way(JSONObject measured) {
        boolean xnnpack = measured.optString("kernels").equals(Classifier.Kernels.XNNPACK.id);
        return way(resources, xnnpack ? Classifier.Kernels.XNNPACK : Classifier.Kernels.BUILT_IN,
                measured.optInt("num_threads"));
    }

    /** @param whole below the columns; null for nothing. */
    private View row(ViewGroup into, String whole, String... columns) {
        View row = inflater.inflate(R.layout.measurement, into, false);
        ViewGroup cells = row.findViewById(R.id.columns);
        for (int i = 0; i < columns.length; i++) {
            ((TextView) cells.getChildAt(i)).setText(columns[i]);
        }
        TextView below = row.findViewById(R.id.whole);
        below.setText(whole);
        Views.setVisible(below, whole != null);
        into.addView(row);
        return row;
    }

    private String number(JSONObject distribution, String key) {
        return String.format(resources.getConfiguration().getLocales().get(0), "%.1f", distribution.optDouble(key));
    }

    private String ms(JSONObject distribution, String key) {
        return resources.getString(R.string.ms, distribution.optDouble(key));
    }

    private void line(ViewGroup into, int layout, String words) {
        TextView line = (TextView) inflater.inflate(layout, into, false);
        line.setText(words);
        into.addView(line);
    }
}
