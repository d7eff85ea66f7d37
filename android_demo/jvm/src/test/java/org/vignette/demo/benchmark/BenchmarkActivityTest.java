package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.vignette.demo.benchmark.Bench.benchmark;
import static org.vignette.demo.benchmark.Bench.names;
import static org.vignette.demo.benchmark.Bench.shown;
import static org.vignette.demo.benchmark.Bench.start;
import static org.vignette.demo.benchmark.Bench.text;

import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.view.ViewGroup;
import java.nio.charset.StandardCharsets;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.Demo;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.Made;
import org.vignette.demo.R;
import org.vignette.demo.TestApp;
import org.vignette.demo.core.Disk;
import org.vignette.demo.model.ModelFile;

/** From an intent to the file; the files are kept for the Python tests to validate. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class BenchmarkActivityTest {
    private Bench bench;

    @Before
    public void setUp() throws Exception {
        bench = new Bench();
    }

    @Test
    public void everyModelInTheAppIsMeasuredAndWritten() throws Exception {
        bench.add("float32");
        ActivityController<BenchmarkActivity> shown = start(benchmark("one").putExtra("threads", "1,2")
                .putExtra("kernels", "XNNPACK,built-in").putExtra("sustained_seconds", 1));
        assertEquals(names("one.json"), bench.left());
        JSONObject json = bench.written("one");
        assertEquals("one", json.getString("session"));
        assertEquals("finished", json.getString("state"));
        JSONArray models = json.getJSONArray("models");
        assertEquals(2, models.length());
        assertEquals("contract.json", models.getJSONObject(0).getString("contract"));
        assertEquals("int8", models.getJSONObject(0).getString("flavour"));
        assertEquals("contract_float32.json", models.getJSONObject(1).getString("contract"));
        assertEquals(ModelFile.open(Made.bundle("float32")).contract.modelSha256,
                models.getJSONObject(1).getString("sha256"));
        JSONArray measured = models.getJSONObject(1).getJSONArray("measurements");
        StringBuilder ways = new StringBuilder();
        for (int i = 0; i < measured.length(); i++) {
            JSONObject one = measured.getJSONObject(i);
            ways.append(one.getString("kernels")).append(one.getInt("num_threads")).append(' ');
            assertTrue(one.getInt("runs") > 1);
            for (String stage : new String[] {"grab_ms", "letterbox_ms", "model_ms", "total_ms"}) {
                assertTrue(stage, one.getJSONObject(stage).getDouble("min") > 0);
            }
            JSONObject total = one.getJSONObject("total_ms");
            assertTrue(total.getDouble("max") > one.getJSONObject("model_ms").getDouble("max"));
        }
        assertEquals("XNNPACK1 XNNPACK2 built-in1 built-in2 ", ways.toString());
        JSONObject sustained = models.getJSONObject(0).getJSONObject("sustained");
        assertTrue(sustained.getDouble("seconds") >= 1);
        assertEquals(sustained.getDouble("last_ms") / sustained.getDouble("first_ms"),
                sustained.getDouble("slowdown"), 1e-2);
        assertEquals("Measured", text(shown, R.id.title));
        // For each model a heading, the head of the table, four rows and the sustained run.
        assertEquals(2 * (1 + 1 + 4 + 1), ((ViewGroup) shown.get().findViewById(R.id.results)).getChildCount());
    }

    @Test
    public void itMeasuresUntilTheMedianIsKnownOrTheTimeIsOver() throws Exception {
        start(benchmark("precise").putExtra("max_seconds", 2));
        JSONObject one = bench.written("precise").getJSONArray("models").getJSONObject(0)
                .getJSONArray("measurements").getJSONObject(0);
        JSONObject model = one.getJSONObject("model_ms");
        JSONArray interval = model.getJSONArray("p50_interval");
        double width = (interval.getDouble(1) - interval.getDouble(0)) / model.getDouble("p50");
        double lasted = one.getInt("runs") * one.getJSONObject("total_ms").getDouble("p50") / 1000;
        // Rounding to a ten-thousandth of a millisecond shows in models as small as this one.
        double rounding = 2e-4 / model.getDouble("p50");
        assertTrue(width + " after " + lasted + " s", width <= 0.03 + rounding || lasted > 1);
        assertTrue(one.getInt("runs") >= 50);
    }

    @Test
    public void leftOutExtrasHaveTheValuesOfTheButton() throws Exception {
        Intent intent = benchmark("usual");
        intent.removeExtra("threads");
        intent.removeExtra("max_seconds");
        JSONObject settings = BenchmarkRequest.read(intent.getExtras()).json();
        assertEquals("[1,4]", settings.getJSONArray("num_threads").toString());
        assertEquals("[\"XNNPACK\"]", settings.getJSONArray("kernels").toString());
        assertEquals(60, settings.getInt("max_seconds"));
        assertEquals(0, settings.getInt("sustained_seconds"));
        assertEquals(settings.toString(), BenchmarkRequest.usual("by-hand", false).json().toString());
    }

    @Test
    public void aModelThatCannotBeUsedDoesNotEndTheOthers() throws Exception {
        bench.add("float32");
        bench.inside.files.put("model_float32.tflite", "short".getBytes(StandardCharsets.UTF_8));
        bench.inside.files.put("contract_float16.json", "{".getBytes(StandardCharsets.UTF_8));
        start(benchmark("mixed"));
        JSONArray models = bench.written("mixed").getJSONArray("models");
        assertTrue(models.getJSONObject(0).isNull("error"));
        assertTrue(models.getJSONObject(1).getString("error").contains("has 5 bytes"));
        assertEquals("contract_float16.json", models.getJSONObject(2).getString("contract"));
        assertTrue(models.getJSONObject(2).getString("error").contains("is not valid JSON"));
    }

    @Test
    public void whatTheRuntimeRejectsIsSaidInItsMeasurements() throws Exception {
        TestApp.files = Made.bundle("future");
        start(benchmark("future"));
        String refused = bench.written("future").getJSONArray("models").getJSONObject(0)
                .getJSONArray("measurements").getJSONObject(0).getString("error");
        assertTrue(refused, refused.startsWith("This app's runtime"));
    }

    @Test
    public void wrongExtrasAreNamedInTheFile() throws Exception {
        Object[][] wrong = {
            {"max_seconds", 0}, {"max_seconds", 601}, {"max_seconds", "many"}, {"threads", "1,,2"}, {"threads", "0"},
            {"threads", "17"}, {"threads", "1,1"}, {"threads", "99999999999"}, {"kernels", "GPU"}, {"kernels", ""},
            {"sustained_seconds", 1801}, {"sustained_seconds", -1}, {"threads", 3}, {"threads", "1,2,3,4,5,6,7,8,9"}
        };
        for (Object[] extra : wrong) {
            Intent intent = benchmark("wrong");
            if (extra[1] instanceof Integer) {
                intent.putExtra((String) extra[0], (Integer) extra[1]);
            } else {
                intent.putExtra((String) extra[0], (String) extra[1]);
            }
            start(intent);
            JSONObject json = bench.written("wrong");
            assertEquals("failed", json.getString("state"));
            assertFalse(json.getBoolean("cancelled"));
            String error = json.getString("error");
            assertTrue(error, error.startsWith("Intent extra “" + extra[0] + "”: expected "));
            assertEquals(names("wrong.json"), bench.left());
            bench.file("wrong.json").delete();
        }
    }

    @Test
    public void aSessionThatIsNoNameIsSaidOnTheScreenAndNothingIsWritten() throws Exception {
        for (String session : new String[] {null, "", "../../x", "a/b", ".hidden", "a b", "x".repeat(65)}) {
            ActivityController<BenchmarkActivity> shown = start(benchmark(session));
            assertEquals("Not measured", text(shown, R.id.title));
            assertTrue(text(shown, R.id.text).startsWith("Intent extra “session”"));
            assertEquals(names(), bench.left());
            shown.pause().stop().destroy();
        }
    }

    @Test
    public void withoutModelsItSaysSo() throws Exception {
        TestApp.files = new Made.Bundle();
        start(benchmark("none"));
        assertEquals("There is no model to measure: this app was built without one.",
                bench.written("none").getString("error"));
    }

    @Test
    public void whatEarlierSessionsOfAComputerLeftIsRemovedAndNothingElse() throws Exception {
        for (String name : new String[] {"adb-1.json", "adb-1.json.part", "phone-20260301-120000.json"}) {
            new Disk().write(bench.file(name), "old");
        }
        start(benchmark("adb-2"));
        assertEquals(names("adb-2.json", "phone-20260301-120000.json"), bench.left());
    }

    @Test
    public void whatAComputerTakesAwayCannotBeShared() throws Exception {
        ActivityController<BenchmarkActivity> shown = start(benchmark("adb-3"));
        assertEquals("Measured", text(shown, R.id.title));
        assertFalse(shown(shown, R.id.share));
        assertTrue(shown(start(benchmark("by-hand")), R.id.share));
    }

    @Test
    public void onlyAdbAndTheAppItselfMayStartIt() throws Exception {
        ActivityInfo about = Demo.app().getPackageManager().getActivityInfo(
                new android.content.ComponentName(Demo.app(), BenchmarkActivity.class), 0);
        assertTrue(about.exported);
        assertEquals("android.permission.DUMP", about.permission);
        assertTrue(shown(start(new Intent()), R.id.sustained));
    }
}
