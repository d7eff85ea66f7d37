package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.vignette.demo.benchmark.Bench.benchmark;
import static org.vignette.demo.benchmark.Bench.intent;
import static org.vignette.demo.benchmark.Bench.names;
import static org.vignette.demo.benchmark.Bench.shown;
import static org.vignette.demo.benchmark.Bench.start;
import static org.vignette.demo.benchmark.Bench.text;

import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.view.ViewGroup;
import java.io.File;
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

    /** A failure's error message; no other file is left. */
    private String failure(Intent intent, String session) throws Exception {
        start(intent);
        JSONObject json = bench.written("benchmark", session + ".json");
        assertEquals(names(session + ".json"), bench.left());
        bench.file(session + ".json").delete();
        return json.getString("error");
    }

    @Test
    public void anIntentIsMeasuredAndWritten() throws Exception {
        bench.push("a", "int8");
        bench.push("b.2", "float32");
        bench.push("not-asked-for", "float16");
        ActivityController<BenchmarkActivity> shown = start(
                benchmark("one", "b.2,a").putExtra("sustained_seconds", 1));
        assertEquals(names("one.json"), bench.left());
        JSONObject json = bench.written("benchmark", "one.json");
        assertEquals("one", json.getString("session"));
        assertEquals("[\"b.2\",\"a\"]", json.getJSONObject("settings").getJSONArray("models").toString());
        JSONArray models = json.getJSONArray("models");
        assertEquals(2, models.length());
        assertEquals("float32", models.getJSONObject(0).getString("flavour"));
        assertEquals("folder", models.getJSONObject(1).getString("source"));
        assertEquals(ModelFile.open(Made.bundle("int8")).contract.modelSha256,
                models.getJSONObject(1).getString("sha256"));
        JSONArray measured = models.getJSONObject(1).getJSONArray("measurements");
        StringBuilder ways = new StringBuilder();
        for (int i = 0; i < measured.length(); i++) {
            JSONObject one = measured.getJSONObject(i);
            ways.append(one.getString("kernels")).append(one.getInt("num_threads")).append(' ');
            for (String stage : new String[] {"grab_ms", "letterbox_ms", "model_ms", "total_ms"}) {
                assertEquals(3, one.getJSONObject(stage).getJSONArray("values").length());
                assertTrue(stage, one.getJSONObject(stage).getDouble("min") > 0);
            }
            JSONArray model = one.getJSONObject("model_ms").getJSONArray("values");
            JSONArray total = one.getJSONObject("total_ms").getJSONArray("values");
            assertTrue(total.getDouble(2) > model.getDouble(2));
        }
        assertEquals("XNNPACK1 XNNPACK2 built-in1 built-in2 ", ways.toString());
        JSONObject sustained = models.getJSONObject(0).getJSONObject("sustained");
        assertTrue(sustained.getDouble("seconds") >= 1);
        assertEquals(sustained.getDouble("last_ms") / sustained.getDouble("first_ms"),
                sustained.getDouble("slowdown"), 1e-2);
        assertEquals("Measured", text(shown, R.id.title));
        assertEquals(2 * (1 + 4 + 1), ((ViewGroup) shown.get().findViewById(R.id.results)).getChildCount());
    }

    @Test
    public void leftOutExtrasHaveTheirUsualValues() throws Exception {
        bench.push("a", "int8");
        start(intent(BenchmarkActivity.BENCHMARK, "usual"));
        JSONObject settings = bench.written("benchmark", "usual.json").getJSONObject("settings");
        assertEquals("[\"a\"]", settings.getJSONArray("models").toString());
        assertEquals(50, settings.getInt("runs"));
        assertEquals(10, settings.getInt("warm_up_runs"));
        assertEquals("[1,2,4]", settings.getJSONArray("num_threads").toString());
        assertEquals("[\"XNNPACK\",\"built-in\"]", settings.getJSONArray("kernels").toString());
        assertEquals(0, settings.getInt("sustained_seconds"));
    }

    @Test
    public void aModelThatCannotBeUsedDoesNotEndTheOthers() throws Exception {
        bench.push("good", "int8");
        bench.push("refused", "future");
        bench.push("broken", "int8");
        new Disk().write(new File(bench.external, "models/broken/model_int8.tflite"), "short");
        start(benchmark("mixed", "refused,broken,missing,good"));
        JSONArray models = bench.written("benchmark", "mixed.json").getJSONArray("models");
        String refused = models.getJSONObject(0).getJSONArray("measurements").getJSONObject(0).getString("error");
        assertTrue(refused, refused.startsWith("This app's runtime"));
        assertTrue(models.getJSONObject(1).getString("error").contains("has 5 bytes"));
        assertTrue(models.getJSONObject(2).getString("error").startsWith("There is no folder “missing” in "));
        assertTrue(models.getJSONObject(3).isNull("error"));
    }

    @Test
    public void wrongExtrasAreNamedInTheFile() throws Exception {
        bench.push("a", "int8");
        Object[][] wrong = {
            {"runs", 0}, {"runs", 1001}, {"runs", "many"}, {"warm_up_runs", -1}, {"threads", "1,,2"}, {"threads", "0"},
            {"threads", "17"}, {"threads", "1,1"}, {"threads", "99999999999"}, {"kernels", "GPU"}, {"kernels", ""},
            {"sustained_seconds", 1801}, {"models", ".."}, {"models", "a/../../b"}, {"models", "a,a"}, {"models", ""},
            {"models", "a\u0000"}, {"models", 3}, {"threads", "1,2,3,4,5,6,7,8,9"}
        };
        for (Object[] extra : wrong) {
            Intent intent = benchmark("wrong", "a");
            if (extra[1] instanceof Integer) {
                intent.putExtra((String) extra[0], (Integer) extra[1]);
            } else {
                intent.putExtra((String) extra[0], (String) extra[1]);
            }
            String error = failure(intent, "wrong");
            assertTrue(error, error.startsWith("Intent extra “" + extra[0] + "”: expected "));
        }
    }

    @Test
    public void aSessionThatIsNoNameIsSaidOnTheScreenAndNothingIsWritten() throws Exception {
        bench.push("a", "int8");
        for (String session : new String[] {null, "", "../../x", "a/b", ".hidden", "a b", "x".repeat(65)}) {
            for (String action : new String[] {
                BenchmarkActivity.BENCHMARK, BenchmarkActivity.LIST, BenchmarkActivity.CANCEL}) {
                ActivityController<BenchmarkActivity> shown = start(intent(action, session));
                assertEquals("Not measured", text(shown, R.id.title));
                assertTrue(text(shown, R.id.text).startsWith("Intent extra “session”"));
                assertEquals(names(), bench.left());
                shown.pause().stop().destroy();
            }
        }
    }

    @Test
    public void withoutModelsItSaysWhereTheyBelong() throws Exception {
        String error = failure(intent(BenchmarkActivity.BENCHMARK, "none"), "none");
        assertTrue(error, error.startsWith("There is no model in ") && error.endsWith("/models."));
    }

    @Test
    public void aContractCannotLeadOutOfItsFolder() throws Exception {
        bench.push("a", "int8");
        bench.push("thief", "int8");
        File contract = new File(bench.external, "models/thief/contract.json");
        new Disk().write(contract, new Disk().read(contract).replace("\"model_int8.tflite\"", "\"../a/model_int8.tflite\""));
        start(benchmark("thief", "thief"));
        String error = bench.written("benchmark", "thief.json").getJSONArray("models").getJSONObject(0).getString("error");
        assertTrue(error, error.startsWith("../a/model_int8.tflite is missing from the app"));
    }

    @Test
    public void ofAllFoldersOneWithABadNameIsSaidToo() throws Exception {
        bench.push("a", "int8");
        bench.push("a name", "int8");
        Intent intent = benchmark("all", "");
        intent.removeExtra("models");
        start(intent);
        JSONArray models = bench.written("benchmark", "all.json").getJSONArray("models");
        assertTrue(models.getJSONObject(1).getString("error").startsWith("“a name” is not a valid name"));
        assertTrue(models.getJSONObject(0).isNull("error"));
    }

    @Test
    public void whatCanBeReadIsListedWithItsHash() throws Exception {
        bench.push("good", "int8");
        bench.push("empty", "int8");
        for (File file : Disk.inside(new File(bench.external, "models/empty"))) {
            file.delete();
        }
        bench.push("broken", "float16");
        new Disk().write(new File(bench.external, "models/broken/contract.json"), "{");
        bench.push("a name", "int8");
        start(intent(BenchmarkActivity.LIST, "list1"));
        assertEquals(names("list1.models.json"), bench.left());
        JSONObject json = bench.written("listing", "list1.models.json");
        assertTrue(json.isNull("error"));
        JSONArray models = json.getJSONArray("models");
        assertEquals(4, models.length());
        assertTrue(models.getJSONObject(0).getString("error").startsWith("“a name” is not a valid name"));
        assertTrue(models.getJSONObject(1).getString("error").startsWith("contract.json is not valid JSON"));
        assertTrue(models.getJSONObject(2).getString("error").startsWith("contract.json is not in the folder “empty”"));
        JSONObject good = models.getJSONObject(3);
        assertEquals("int8", good.getString("flavour"));
        assertEquals(ModelFile.open(Made.bundle("int8")).contract.modelSha256, good.getString("sha256"));
    }

    @Test
    public void aModelsFolderThatCannotBeReadIsSaid() throws Exception {
        new File(bench.external, "models").delete();
        new Disk().write(new File(bench.external, "models"), "no folder");
        start(intent(BenchmarkActivity.LIST, "denied"));
        JSONObject json = bench.written("listing", "denied.models.json");
        assertTrue(json.getString("error").startsWith("The phone does not let this app read "));
        assertEquals(0, json.getJSONArray("models").length());
    }

    @Test
    public void whatAnEarlierSessionOfTheSameNameLeftIsNotTakenForTheNew() throws Exception {
        for (String name : new String[] {"one.json", "one.progress.json", "one.json.part", "one.models.json"}) {
            new Disk().write(bench.file(name), "old");
        }
        new Disk().write(bench.file("other.json"), "the user's");
        bench.push("a", "int8");
        start(benchmark("one", "a"));
        assertEquals(names("one.json", "other.json"), bench.left());
        assertFalse(new Disk().read(bench.file("one.json")).equals("old"));
    }

    @Test
    public void onlyAdbAndTheAppItselfMayStartIt() throws Exception {
        ActivityInfo about = Demo.app().getPackageManager().getActivityInfo(
                new android.content.ComponentName(Demo.app(), BenchmarkActivity.class), 0);
        assertTrue(about.exported);
        assertEquals("android.permission.DUMP", about.permission);
    }
}
