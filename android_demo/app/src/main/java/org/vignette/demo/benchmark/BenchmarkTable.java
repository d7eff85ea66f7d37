package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.res.Resources;
import android.view.LayoutInflater;
import android.view.ViewGroup;
import android.widget.TextView;
import org.json.JSONArray;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.model.Classifier;

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

    private void model(ViewGroup into, JSONObject model) {
        String name = model.optString("source").equals("app") ? resources.getString(R.string.model_inside)
                : model.optString("name");
        if (!model.isNull("error")) {
            line(into, R.layout.heading, name);
            line(into, R.layout.line, model.optString("error"));
            return;
        }
        line(into, R.layout.heading, resources.getString(R.string.model_usable, name, model.optString("flavour"),
                model.optLong("size_bytes") / 1024));
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
        ViewGroup row = (ViewGroup) inflater.inflate(R.layout.measurement, into, false);
        String way = way(measured);
        String middle = ms(model, "p50");
        String most = ms(model, "p90");
        String worst = ms(model, "p99");
        String whole = resources.getString(R.string.whole_frame, ms(measured.optJSONObject("grab_ms"), "p50"),
                ms(measured.optJSONObject("letterbox_ms"), "p50"), ms(measured.optJSONObject("total_ms"), "p50"));
        ((TextView) row.findViewById(R.id.way)).setText(way);
        ((TextView) row.findViewById(R.id.percentiles))
                .setText(resources.getString(R.string.percentiles, middle, most, worst));
        ((TextView) row.findViewById(R.id.whole)).setText(whole);
        row.setContentDescription(resources.getString(R.string.measurement_spoken, way, middle, most, worst, whole));
        into.addView(row);
    }

    private String way(JSONObject measured) {
        boolean xnnpack = measured.optString("kernels").equals(Classifier.Kernels.XNNPACK.id);
        return BenchmarkStep.way(resources, xnnpack ? Classifier.Kernels.XNNPACK : Classifier.Kernels.BUILT_IN,
                measured.optInt("num_threads"));
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
