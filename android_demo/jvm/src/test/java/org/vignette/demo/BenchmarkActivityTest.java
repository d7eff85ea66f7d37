package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.net.Uri;
import android.os.Looper;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.CheckBox;
import android.widget.TextView;
import java.io.File;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/** From an intent, or a press of a button, to the file; what was written is kept for the Python side to judge. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class BenchmarkActivityTest {
    private static final Path WRITTEN = Made.FOLDER.resolve("written");

    private File external;

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        external = Demo.app().getExternalFilesDir(null);
    }

    private static Intent intent(String action, String session) {
        return new Intent(action).putExtra("session", session);
    }

    /** A small one. */
    private static Intent benchmark(String session, String models) {
        return intent(BenchmarkActivity.BENCHMARK, session).putExtra("models", models)
                .putExtra("runs", 3).putExtra("warm_up_runs", 1).putExtra("threads", "1,2");
    }

    private static ActivityController<BenchmarkActivity> start(Intent intent) {
        ActivityController<BenchmarkActivity> controller =
                Robolectric.buildActivity(BenchmarkActivity.class, intent).setup();
        Demo.settle();
        return controller;
    }

    /** As adb would push it. */
    private void push(String name, String flavour) throws Exception {
        File folder = new File(external, "models/" + name);
        for (var file : Made.bundle(flavour).files.entrySet()) {
            new Disk().write(new File(folder, file.getKey()), file.getValue());
        }
    }

    private File file(String name) {
        return new File(external, "benchmark/" + name);
    }

    /** A file that the app wrote, which the Python side judges, too. */
    private JSONObject written(String kind, String name) throws Exception {
        String text = new Disk().read(file(name));
        new Disk().write(WRITTEN.resolve(kind + "/" + android.os.Build.VERSION.SDK_INT + "-" + name).toFile(), text);
        return new JSONObject(text);
    }

    private TreeSet<String> left() {
        String[] names = new File(external, "benchmark").list();
        return new TreeSet<>(Arrays.asList(names == null ? new String[0] : names));
    }

    private static String text(ActivityController<BenchmarkActivity> controller, int id) {
        return ((TextView) controller.get().findViewById(id)).getText().toString();
    }

    private static boolean shown(ActivityController<BenchmarkActivity> controller, int id) {
        return controller.get().findViewById(id).getVisibility() == View.VISIBLE;
    }

    private static void press(ActivityController<BenchmarkActivity> controller, int id) {
        ((Button) controller.get().findViewById(id)).performClick();
        Demo.settle();
    }

    private String failure(Intent intent, String session) throws Exception {
        start(intent);
        JSONObject json = written("benchmark", session + ".json");
        assertEquals(new TreeSet<>(List.of(session + ".json")), left());
        file(session + ".json").delete();
        return json.getString("error");
    }

    @Test
    public void anIntentIsMeasuredAndWritten() throws Exception {
        push("a", "int8");
        push("b.2", "float32");
        push("not-asked-for", "float16");
        ActivityController<BenchmarkActivity> shown = start(
                benchmark("one", "b.2,a").putExtra("sustained_seconds", 1));
        assertEquals(new TreeSet<>(List.of("one.json")), left());
        JSONObject json = written("benchmark", "one.json");
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
        assertEquals(13, ((ViewGroup) shown.get().findViewById(R.id.results)).getChildCount() + 1);
    }

    @Test
    public void leftOutExtrasHaveTheirUsualValues() throws Exception {
        push("a", "int8");
        start(intent(BenchmarkActivity.BENCHMARK, "usual"));
        JSONObject settings = written("benchmark", "usual.json").getJSONObject("settings");
        assertEquals("[\"a\"]", settings.getJSONArray("models").toString());
        assertEquals(50, settings.getInt("runs"));
        assertEquals(10, settings.getInt("warm_up_runs"));
        assertEquals("[1,2,4]", settings.getJSONArray("num_threads").toString());
        assertEquals("[\"XNNPACK\",\"built-in\"]", settings.getJSONArray("kernels").toString());
        assertEquals(0, settings.getInt("sustained_seconds"));
    }

    @Test
    public void aModelThatCannotBeUsedDoesNotEndTheOthers() throws Exception {
        push("good", "int8");
        push("refused", "future");
        push("broken", "int8");
        new Disk().write(new File(external, "models/broken/model_int8.tflite"), "short");
        start(benchmark("mixed", "refused,broken,missing,good"));
        JSONArray models = written("benchmark", "mixed.json").getJSONArray("models");
        String refused = models.getJSONObject(0).getJSONArray("measurements").getJSONObject(0).getString("error");
        assertTrue(refused, refused.startsWith("The runtime inside this app"));
        assertTrue(models.getJSONObject(1).getString("error").contains("has 5 bytes"));
        assertTrue(models.getJSONObject(2).getString("error").startsWith("There is no folder “missing” in "));
        assertTrue(models.getJSONObject(3).isNull("error"));
    }

    @Test
    public void wrongExtrasAreNamedInTheFile() throws Exception {
        push("a", "int8");
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
            assertTrue(error, error.startsWith("“" + extra[0] + "” of the intent: allowed is "));
        }
    }

    @Test
    public void aSessionThatIsNoNameIsSaidOnTheScreenAndNothingIsWritten() throws Exception {
        push("a", "int8");
        for (String session : new String[] {null, "", "../../x", "a/b", ".hidden", "a b", "x".repeat(65)}) {
            for (String action : new String[] {
                BenchmarkActivity.BENCHMARK, BenchmarkActivity.LIST, BenchmarkActivity.CANCEL}) {
                ActivityController<BenchmarkActivity> shown = start(intent(action, session));
                assertEquals("Not measured", text(shown, R.id.title));
                assertTrue(text(shown, R.id.text).startsWith("“session” of the intent"));
                assertEquals(new TreeSet<>(), left());
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
        push("a", "int8");
        push("thief", "int8");
        File contract = new File(external, "models/thief/contract.json");
        new Disk().write(contract, new Disk().read(contract).replace("\"model_int8.tflite\"", "\"../a/model_int8.tflite\""));
        start(benchmark("thief", "thief"));
        String error = written("benchmark", "thief.json").getJSONArray("models").getJSONObject(0).getString("error");
        assertTrue(error, error.startsWith("../a/model_int8.tflite is not inside"));
    }

    @Test
    public void whatCanBeReadIsListedWithItsHash() throws Exception {
        push("good", "int8");
        push("empty", "int8");
        for (File file : Disk.inside(new File(external, "models/empty"))) {
            file.delete();
        }
        push("broken", "float16");
        new Disk().write(new File(external, "models/broken/contract.json"), "{");
        push("a name", "int8");
        start(intent(BenchmarkActivity.LIST, "list1"));
        assertEquals(new TreeSet<>(List.of("list1.models.json")), left());
        JSONObject json = written("listing", "list1.models.json");
        assertTrue(json.isNull("error"));
        JSONArray models = json.getJSONArray("models");
        assertEquals(4, models.length());
        assertTrue(models.getJSONObject(0).getString("error").startsWith("“a name” is no name for a folder"));
        assertTrue(models.getJSONObject(1).getString("error").startsWith("contract.json is no JSON"));
        assertTrue(models.getJSONObject(2).getString("error").startsWith("contract.json is not in the folder “empty”"));
        JSONObject good = models.getJSONObject(3);
        assertEquals("int8", good.getString("flavour"));
        assertEquals(ModelFile.open(Made.bundle("int8")).contract.modelSha256, good.getString("sha256"));
    }

    @Test
    public void aModelsFolderThatCannotBeReadIsSaid() throws Exception {
        new File(external, "models").delete();
        new Disk().write(new File(external, "models"), "no folder");
        start(intent(BenchmarkActivity.LIST, "denied"));
        JSONObject json = written("listing", "denied.models.json");
        assertTrue(json.getString("error").startsWith("The phone does not let this app read "));
        assertEquals(0, json.getJSONArray("models").length());
    }

    @Test
    public void onlyOneRunsAtATimeAndItCanBeStopped() throws Exception {
        push("a", "int8");
        ActivityController<BenchmarkActivity> shown =
                Robolectric.buildActivity(BenchmarkActivity.class, endless("long")).setup();
        await("long.progress.json");
        written("benchmark", "long.progress.json");
        assertEquals("Measuring…", text(shown, R.id.title));
        assertTrue(shown(shown, R.id.bar));
        assertEquals("Stop", text(shown, R.id.button));
        shown.newIntent(benchmark("second", "a"));
        await("second.json");
        assertEquals("The benchmark “long” is still running. Wait until it ends, or stop it.",
                written("benchmark", "second.json").getString("error"));
        shown.newIntent(intent(BenchmarkActivity.CANCEL, "another"));
        shadowOf(Looper.getMainLooper()).idle();
        assertFalse(file("long.json").exists());
        shown.newIntent(intent(BenchmarkActivity.CANCEL, "long"));
        Demo.settle();
        JSONObject json = written("benchmark", "long.json");
        assertTrue(json.getBoolean("cancelled"));
        assertEquals("The benchmark was stopped.", json.getString("error"));
        assertEquals(new TreeSet<>(List.of("long.json", "second.json")), left());
        assertEquals("Not measured", text(shown, R.id.title));
        press(shown, R.id.button);
        assertEquals("Benchmark", text(shown, R.id.title));
    }

    private static Intent endless(String session) {
        return intent(BenchmarkActivity.BENCHMARK, session).putExtra("models", "a").putExtra("sustained_seconds", 1800)
                .putExtra("runs", 1000).putExtra("warm_up_runs", 1000);
    }

    private void await(String name) throws Exception {
        for (int i = 0; i < 500 && !file(name).exists(); i++) {
            shadowOf(Looper.getMainLooper()).idle();
            Thread.sleep(20);
        }
        assertTrue(name, file(name).exists());
        shadowOf(Looper.getMainLooper()).idle();
    }

    @Test
    public void leavingTheScreenEndsItAndSaysSo() throws Exception {
        push("a", "int8");
        ActivityController<BenchmarkActivity> shown =
                Robolectric.buildActivity(BenchmarkActivity.class, endless("left")).setup();
        await("left.progress.json");
        shown.pause().stop();
        Demo.settle();
        JSONObject json = written("benchmark", "left.json");
        assertTrue(json.getBoolean("cancelled"));
        assertTrue(json.getString("error").startsWith("The benchmark was stopped because its screen was left"));
        assertEquals(new TreeSet<>(List.of("left.json")), left());
    }

    @Test
    public void turningThePhoneDoesNotEndIt() throws Exception {
        push("a", "int8");
        ActivityController<BenchmarkActivity> shown =
                Robolectric.buildActivity(BenchmarkActivity.class, endless("turned")).setup();
        await("turned.progress.json");
        shown.recreate();
        assertEquals("Measuring…", text(shown, R.id.title));
        assertFalse(file("turned.json").exists());
        press(shown, R.id.button);
        assertEquals("Not measured", text(shown, R.id.title));
        assertTrue(file("turned.json").exists());
    }

    @Test
    public void whatAnEarlierSessionOfTheSameNameLeftIsNotTakenForTheNew() throws Exception {
        for (String name : new String[] {"one.json", "one.progress.json", "one.json.part", "one.models.json"}) {
            new Disk().write(file(name), "old");
        }
        new Disk().write(file("other.json"), "the user's");
        push("a", "int8");
        start(benchmark("one", "a"));
        assertEquals(new TreeSet<>(List.of("one.json", "other.json")), left());
        assertFalse(new Disk().read(file("one.json")).equals("old"));
    }

    @Test
    public void byHandTheAppsOwnModelTakesPartAndTheResultCanBeShared() throws Exception {
        TestApp.files = Made.bundle("int8");
        push("a", "float16");
        ActivityController<BenchmarkActivity> shown = start(new Intent());
        assertEquals("Benchmark", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).contains("The app's model (int8"));
        assertTrue(text(shown, R.id.text).contains("a (float16"));
        assertFalse(((CheckBox) shown.get().findViewById(R.id.sustained)).isChecked());
        press(shown, R.id.button);
        assertEquals("Measured", text(shown, R.id.title));
        String name = left().first();
        assertTrue(name, name.matches("phone-\\d{8}-\\d{6}\\.json"));
        JSONObject json = written("benchmark", name);
        assertEquals("app", json.getJSONArray("models").getJSONObject(0).getString("source"));
        press(shown, R.id.share);
        Intent chooser = shadowOf(shown.get()).getNextStartedActivity();
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals("application/json", send.getType());
        Uri uri = send.getParcelableExtra(Intent.EXTRA_STREAM);
        assertEquals("content://org.vignette.demo.files/benchmark/" + name, uri.toString());
        assertTrue((send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
        press(shown, R.id.button);
        assertEquals("Benchmark", text(shown, R.id.title));
    }

    @Test
    public void withoutAnyModelThereIsNothingToStart() {
        TestApp.files = new Made.Bundle();
        ActivityController<BenchmarkActivity> shown = start(new Intent());
        assertTrue(text(shown, R.id.text).startsWith("There is no model to measure"));
        assertFalse(shown(shown, R.id.button));
        assertFalse(shown(shown, R.id.sustained));
    }

    @Test
    public void aFullStorageIsSaid() throws Exception {
        push("a", "int8");
        TestApp.disk = new FullDisk(700);
        ActivityController<BenchmarkActivity> shown = start(benchmark("full", "a"));
        assertEquals("Not measured", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).startsWith("The phone's storage is full: there is no room for full.json"));
        assertEquals(new TreeSet<>(), left());
    }

    @Test
    public void aMissingStorageIsSaid() {
        TestApp.unmounted = true;
        ActivityController<BenchmarkActivity> shown = start(benchmark("gone", "a"));
        assertEquals("The phone's storage cannot be reached at present. Try again when it can.",
                text(shown, R.id.text));
    }

    @Test
    public void itWaitsUntilTheCamerasScreenHasClosedItsModel() throws Exception {
        push("a", "int8");
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(true));
        start(benchmark("waits", "a"));
        assertNull(Disk.inside(new File(external, "benchmark")).length == 0 ? null : left());
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(false));
        shadowOf(Demo.app().modelThread().getLooper()).idleFor(Duration.ofMillis(200));
        Demo.settle();
        assertEquals(new TreeSet<>(List.of("waits.json")), left());
    }

    @Test
    public void onlyAdbAndTheAppItselfMayStartIt() throws Exception {
        ActivityInfo about = Demo.app().getPackageManager().getActivityInfo(
                new android.content.ComponentName(Demo.app(), BenchmarkActivity.class), 0);
        assertTrue(about.exported);
        assertEquals("android.permission.DUMP", about.permission);
    }

    @Test
    @Config(qualifiers = "fr")
    public void theScreenIsFrenchAndTheFileEnglish() throws Exception {
        ActivityController<BenchmarkActivity> shown = start(benchmark("langue", "missing"));
        assertEquals("Mesuré", text(shown, R.id.title));
        String error = written("benchmark", "langue.json").getJSONArray("models").getJSONObject(0).getString("error");
        assertTrue(error, error.startsWith("There is no folder"));
    }
}
