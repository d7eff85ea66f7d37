package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.Intent;
import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONObject;
import org.robolectric.Robolectric;
import org.vignette.demo.Demo;
import org.vignette.demo.Made;
import org.vignette.demo.R;
import org.vignette.demo.TestApp;
import org.vignette.demo.benchmark.BenchmarkSession.State;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.ModelFile;

/** The benchmark screen with made-up content. */
public final class BenchmarkScreens {
    private BenchmarkScreens() {}

    /** Three models: built in, to be measured only, and unusable. */
    public static Activity ready() throws Exception {
        return show(new State(State.Kind.READY, Arrays.asList(
                new Candidate("contract.json", ModelFile.open(TestApp.files), null),
                new Candidate("contract_float16.json", ModelFile.open(Made.bundle("float16")), null),
                new Candidate("contract_float32.json", null,
                        new BundleException(R.string.contract_newer, Contract.FILE, 3, 2))), null, null, null));
    }

    public static Activity running() {
        return show(new State(State.Kind.RUNNING, null,
                new Benchmark.Step(5, 14, "float16", Classifier.Kernels.XNNPACK, 4, 0), null, null));
    }

    public static Activity done() throws Exception {
        return show(new State(State.Kind.FINISHED, null, null, result(), null));
    }

    private static Activity show(State state) {
        BenchmarkActivity activity =
                Robolectric.buildActivity(BenchmarkActivity.class, new Intent()).setup().get();
        Demo.settle();
        activity.onBenchmark(state);
        return activity;
    }

    private static JSONObject distribution(double middle) throws Exception {
        return new JSONObject().put("p50", middle).put("p90", middle * 1.1).put("p99", middle * 1.4);
    }

    private static JSONObject measurement(String kernels, int threads, double ms) throws Exception {
        return new JSONObject().put("kernels", kernels).put("num_threads", threads).put("error", JSONObject.NULL)
                .put("grab_ms", distribution(3.1)).put("letterbox_ms", distribution(1.4))
                .put("model_ms", distribution(ms)).put("total_ms", distribution(ms + 4.5));
    }

    private static JSONObject result() throws Exception {
        JSONArray measured = new JSONArray();
        measured.put(measurement("XNNPACK", 1, 24.2)).put(measurement("XNNPACK", 4, 8.6));
        measured.put(measurement("built-in", 1, 112.4));
        JSONObject memory = new JSONObject().put("pss_kb", 84_000);
        return new JSONObject()
                .put("throttled", false)
                .put("before", new JSONObject().put("battery_celsius", 28.4).put("memory", memory))
                .put("after", new JSONObject().put("battery_celsius", 33.9).put("memory", memory))
                .put("models", new JSONArray()
                        .put(new JSONObject().put("contract", "contract.json").put("error", JSONObject.NULL)
                                .put("flavour", "int8").put("size_bytes", 3_990_000).put("measurements", measured)
                                .put("sustained", new JSONObject().put("kernels", "XNNPACK").put("num_threads", 4)
                                        .put("seconds", 60.1).put("first_ms", 13.1).put("last_ms", 13.6)))
                        .put(new JSONObject().put("contract", "contract_float16.json")
                                .put("error", "contract.json is not valid JSON: end of input")));
    }
}
