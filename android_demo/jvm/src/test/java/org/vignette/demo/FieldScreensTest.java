package org.vignette.demo;

import static org.junit.Assume.assumeTrue;

import android.app.Activity;
import android.content.Intent;
import java.io.File;
import java.time.Instant;
import java.util.Arrays;
import java.util.Set;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** The screens of photos and benchmark by day, by night, in French and in landscape. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, qualifiers = "w360dp-h640dp-mdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class FieldScreensTest extends EveryLook {
    private static final Set<String> TELLING = Set.of(
            "photos-night", "taken-fr", "photos-fr", "benchmark_ready-fr", "benchmark_done-fr");

    private final Golden golden = new Golden(TELLING);
    private Contract contract;

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        TestApp.files = Made.bundle("int8");
        contract = ModelFile.open(TestApp.files).contract;
        Demo.testedBefore();
        Demo.allowCamera();
        FakeCamera.addBack();
    }

    @Test
    @Config(qualifiers = "w640dp-h360dp-land-mdpi")
    public void landscape() throws Exception {
        taken("-land");
        benchmark(BenchmarkState.done(result(), new File("x.json")), "benchmark_done-land");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "+night", fontScale = 1.6f)
    public void largeFont() throws Exception {
        taken("-large");
        benchmark(BenchmarkState.done(result(), new File("x.json")), "benchmark_done-large");
        golden.assertAllEqual();
    }

    @Override
    void all(String variant) throws Exception {
        taken(variant);
        photos(variant);
        ModelFile file = ModelFile.open(TestApp.files);
        benchmark(BenchmarkState.ready(Arrays.asList(
                new Benchmark.Candidate("app", true, file, null),
                new Benchmark.Candidate("float16", false, ModelFile.open(Made.bundle("float16")), null),
                new Benchmark.Candidate("old", false, null,
                        new BundleException(R.string.contract_newer, Contract.FILE, 2, 1)))),
                "benchmark_ready" + variant);
        benchmark(BenchmarkState.running(
                new BenchmarkStep(5, 14, "float16", Classifier.Kernels.BUILT_IN, 4, 0)), "benchmark_running" + variant);
        benchmark(BenchmarkState.done(result(), new File("x.json")), "benchmark_done" + variant);
        golden.assertAllEqual();
    }

    private Shot shot(long takenAt, int... bytes) {
        Frame frame = new Frame(contract);
        frame.fill(new FakeCamera.Frame(640, 480, (int) takenAt), 90);
        byte[] output = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            output[i] = (byte) bytes[i];
        }
        return new Shot(contract, frame, Classifier.Kernels.XNNPACK, output, 2, takenAt);
    }

    private void taken(String variant) throws Exception {
        Demo demo = Demo.start();
        Photo photo = Photo.of(shot(1, 60, 171, 20, 5), new File("a/b.png"), "", PhotoMakerTest.PHONE);
        demo.activity().show(UiState.taken(photo, Golden.scene(480, 270)));
        golden.shoot(demo.activity(), "taken" + variant);
    }

    private void photos(String variant) throws Exception {
        Activity empty = Robolectric.buildActivity(PhotosActivity.class, new Intent()).setup().get();
        golden.shoot(empty, "photos_none" + variant);
        long start = Instant.parse("2026-03-01T12:00:00Z").toEpochMilli();
        Photos photos = new Photos(new File(Demo.app().getExternalFilesDir(null), "photos"), new Disk());
        photos.label(photos.save(shot(start, 60, 171, 20, 5), PhotoMakerTest.PHONE), "kettle", start);
        photos.label(photos.save(shot(start + 1000, 80, 79, 50, 47), PhotoMakerTest.PHONE), null, start);
        Photo damaged = photos.save(shot(start + 2000, 80, 79, 50, 47), PhotoMakerTest.PHONE);
        new Disk().write(Photo.document(damaged.picture), "{");
        photos.save(shot(start + 3000, 2, 3, 1, 250), PhotoMakerTest.PHONE);
        Activity activity = Robolectric.buildActivity(PhotosActivity.class, new Intent()).setup().get();
        // Once to begin reading the small pictures, once with them.
        Golden.draw(activity);
        golden.shoot(activity, "photos" + variant);
    }

    private void benchmark(BenchmarkState state, String name) throws Exception {
        BenchmarkActivity activity =
                Robolectric.buildActivity(BenchmarkActivity.class, new Intent()).setup().get();
        Demo.settle();
        activity.onBenchmark(state);
        golden.shoot(activity, name);
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
        double[] ms = {24.2, 13.1, 8.6};
        for (int i = 0; i < ms.length; i++) {
            measured.put(measurement("XNNPACK", 1 << i, ms[i]));
        }
        measured.put(measurement("built-in", 1, 112.4));
        JSONObject memory = new JSONObject().put("pss_kb", 84_000);
        return new JSONObject()
                .put("throttled", false)
                .put("before", new JSONObject().put("battery_celsius", 28.4).put("memory", memory))
                .put("after", new JSONObject().put("battery_celsius", 33.9).put("memory", memory))
                .put("models", new JSONArray()
                        .put(new JSONObject().put("name", "app").put("source", "app").put("error", JSONObject.NULL)
                                .put("flavour", "int8").put("size_bytes", 3_990_000).put("measurements", measured)
                                .put("sustained", new JSONObject().put("kernels", "XNNPACK").put("num_threads", 4)
                                        .put("seconds", 60.1).put("first_ms", 13.1).put("last_ms", 13.6)))
                        .put(new JSONObject().put("name", "float16").put("source", "folder")
                                .put("error", "contract.json is no JSON: end of input")));
    }
}
