package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;
import static org.vignette.demo.benchmark.Bench.benchmark;
import static org.vignette.demo.benchmark.Bench.names;
import static org.vignette.demo.benchmark.Bench.press;
import static org.vignette.demo.benchmark.Bench.shown;
import static org.vignette.demo.benchmark.Bench.start;
import static org.vignette.demo.benchmark.Bench.text;

import android.content.Intent;
import android.net.Uri;
import android.os.Looper;
import android.widget.CheckBox;
import java.time.Duration;
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
import org.vignette.demo.core.FullDisk;

/** The benchmark on the screen: started by hand, followed, stopped, left, shared. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class BenchmarkScreenTest {
    private Bench bench;

    @Before
    public void setUp() throws Exception {
        bench = new Bench();
    }

    @Test
    public void onlyOneRunsAtATimeAndItCanBeStopped() throws Exception {
        ActivityController<BenchmarkActivity> shown = bench.running("long");
        bench.written("long");
        assertEquals("Measuring…", text(shown, R.id.title));
        assertTrue(shown(shown, R.id.bar));
        assertEquals("Stop", text(shown, R.id.button));
        shown.newIntent(benchmark("second"));
        bench.await("second", "failed");
        assertEquals("The benchmark “long” is still running. Wait for it to finish, or stop it.",
                bench.written("second").getString("error"));
        assertEquals("running", bench.state("long"));
        press(shown, R.id.button);
        JSONObject json = bench.written("long");
        assertTrue(json.getBoolean("cancelled"));
        assertEquals("The benchmark was stopped.", json.getString("error"));
        assertEquals(names("long.json", "second.json"), bench.left());
        assertEquals("Not measured", text(shown, R.id.title));
        press(shown, R.id.button);
        assertEquals("Benchmark", text(shown, R.id.title));
    }

    @Test
    public void afterAFailureTheNextOneCanBeStopped() throws Exception {
        TestApp.disk = new FullDisk(700);
        ActivityController<BenchmarkActivity> shown = start(benchmark("full"));
        assertEquals("Not measured", text(shown, R.id.title));
        TestApp.disk = null;
        shown.newIntent(benchmark("next").putExtra("sustained_seconds", 1800));
        bench.await("next", "running");
        assertEquals("Stop", text(shown, R.id.button));
        press(shown, R.id.button);
        assertTrue(bench.written("next").getBoolean("cancelled"));
        assertEquals("Not measured", text(shown, R.id.title));
    }

    @Test
    public void modelsThatAreFoundWhileOneRunsDoNotTakeItsButtonForStopping() throws Exception {
        ActivityController<BenchmarkActivity> shown = start(new Intent());
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(true));
        Demo.app().benchmark().look();
        shown.newIntent(benchmark("waits"));
        Demo.settle();
        assertEquals("Measuring…", text(shown, R.id.title));
        assertEquals("Stop", text(shown, R.id.button));
        press(shown, R.id.button);
        shadowOf(Demo.app().modelThread().getLooper()).idleFor(Duration.ofMillis(200));
        Demo.settle();
        assertTrue(bench.written("waits").getBoolean("cancelled"));
        assertEquals("Not measured", text(shown, R.id.title));
    }

    @Test
    public void leavingTheScreenEndsItAndSaysSo() throws Exception {
        ActivityController<BenchmarkActivity> shown = bench.running("left");
        shown.pause().stop();
        Demo.settle();
        JSONObject json = bench.written("left");
        assertTrue(json.getBoolean("cancelled"));
        assertTrue(json.getString("error").startsWith("The benchmark was stopped because you left its screen"));
        assertEquals(names("left.json"), bench.left());
    }

    @Test
    public void turningThePhoneDoesNotEndIt() throws Exception {
        ActivityController<BenchmarkActivity> shown = bench.running("turned");
        shown.recreate();
        assertEquals("Measuring…", text(shown, R.id.title));
        assertEquals("running", bench.state("turned"));
        press(shown, R.id.button);
        assertEquals("Not measured", text(shown, R.id.title));
        assertEquals("failed", bench.state("turned"));
    }

    @Test
    public void byHandEveryModelIsMeasured() throws Exception {
        bench.add("float16");
        ActivityController<BenchmarkActivity> shown = start(new Intent());
        assertEquals("Benchmark", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).contains("Built-in model (int8"));
        assertTrue(text(shown, R.id.text).contains("float16 ("));
        assertFalse(((CheckBox) shown.get().findViewById(R.id.sustained)).isChecked());
        shown.get().findViewById(R.id.button).performClick();
        String name = "";
        // A file that is being written has another name.
        for (int i = 0; i < 500 && name.isEmpty(); i++) {
            Thread.sleep(20);
            name = bench.left().stream().filter(left -> left.endsWith(".json")).findFirst().orElse("");
        }
        assertTrue(name, name.matches("phone-\\d{8}-\\d{6}\\.json"));
        bench.await(name.replace(".json", ""), "running");
        press(shown, R.id.button);
        assertEquals("Not measured", text(shown, R.id.title));
    }

    @Test
    public void aResultCanBeShared() throws Exception {
        ActivityController<BenchmarkActivity> shown = start(benchmark("shared"));
        assertEquals("Measured", text(shown, R.id.title));
        press(shown, R.id.share);
        Intent chooser = shadowOf(shown.get()).getNextStartedActivity();
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals("application/json", send.getType());
        Uri uri = send.getParcelableExtra(Intent.EXTRA_STREAM);
        assertEquals("content://org.vignette.demo.files/benchmark/shared.json", uri.toString());
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
        TestApp.disk = new FullDisk(700);
        ActivityController<BenchmarkActivity> shown = start(benchmark("full"));
        assertEquals("Not measured", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).startsWith("The phone's storage is full: there is no room for full.json"));
        assertEquals(names(), bench.left());
    }

    @Test
    public void aMissingStorageIsSaid() {
        TestApp.unmounted = true;
        ActivityController<BenchmarkActivity> shown = start(benchmark("gone"));
        assertEquals("The phone's storage is currently unavailable. Try again once it is back.",
                text(shown, R.id.text));
    }

    @Test
    public void itWaitsUntilTheCamerasScreenHasClosedItsModel() throws Exception {
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(true));
        start(benchmark("waits"));
        assertEquals(names(), bench.left());
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(false));
        shadowOf(Demo.app().modelThread().getLooper()).idleFor(Duration.ofMillis(200));
        Demo.settle();
        assertEquals(names("waits.json"), bench.left());
    }

    @Test
    @Config(qualifiers = "fr")
    public void theScreenIsFrenchAndTheFileEnglish() throws Exception {
        TestApp.files = new Made.Bundle();
        ActivityController<BenchmarkActivity> shown = start(benchmark("langue"));
        assertEquals("Échec de la mesure", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).startsWith("Il n’y a aucun modèle"));
        assertTrue(bench.written("langue").getString("error").startsWith("There is no model"));
    }
}
