package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;
import static org.vignette.demo.benchmark.Bench.benchmark;
import static org.vignette.demo.benchmark.Bench.intent;
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
        bench.written("benchmark", "long.progress.json");
        assertEquals("Measuring…", text(shown, R.id.title));
        assertTrue(shown(shown, R.id.bar));
        assertEquals("Stop", text(shown, R.id.button));
        shown.newIntent(benchmark("second", "a"));
        bench.await("second.json");
        assertEquals("The benchmark “long” is still running. Wait for it to finish, or stop it.",
                bench.written("benchmark", "second.json").getString("error"));
        shown.newIntent(intent(BenchmarkActivity.CANCEL, "another"));
        shadowOf(Looper.getMainLooper()).idle();
        assertFalse(bench.file("long.json").exists());
        shown.newIntent(intent(BenchmarkActivity.CANCEL, "long"));
        Demo.settle();
        JSONObject json = bench.written("benchmark", "long.json");
        assertTrue(json.getBoolean("cancelled"));
        assertEquals("The benchmark was stopped.", json.getString("error"));
        assertEquals(names("long.json", "second.json"), bench.left());
        assertEquals("Not measured", text(shown, R.id.title));
        press(shown, R.id.button);
        assertEquals("Benchmark", text(shown, R.id.title));
    }

    @Test
    public void leavingTheScreenEndsItAndSaysSo() throws Exception {
        ActivityController<BenchmarkActivity> shown = bench.running("left");
        shown.pause().stop();
        Demo.settle();
        JSONObject json = bench.written("benchmark", "left.json");
        assertTrue(json.getBoolean("cancelled"));
        assertTrue(json.getString("error").startsWith("The benchmark was stopped because you left its screen"));
        assertEquals(names("left.json"), bench.left());
    }

    @Test
    public void turningThePhoneDoesNotEndIt() throws Exception {
        ActivityController<BenchmarkActivity> shown = bench.running("turned");
        shown.recreate();
        assertEquals("Measuring…", text(shown, R.id.title));
        assertFalse(bench.file("turned.json").exists());
        press(shown, R.id.button);
        assertEquals("Not measured", text(shown, R.id.title));
        assertTrue(bench.file("turned.json").exists());
    }

    @Test
    public void byHandTheAppsOwnModelTakesPartAndTheResultCanBeShared() throws Exception {
        TestApp.files = Made.bundle("int8");
        bench.push("a", "float16");
        ActivityController<BenchmarkActivity> shown = start(new Intent());
        assertEquals("Benchmark", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).contains("Built-in model (int8"));
        assertTrue(text(shown, R.id.text).contains("a (float16"));
        assertFalse(((CheckBox) shown.get().findViewById(R.id.sustained)).isChecked());
        press(shown, R.id.button);
        assertEquals("Measured", text(shown, R.id.title));
        String name = bench.left().first();
        assertTrue(name, name.matches("phone-\\d{8}-\\d{6}\\.json"));
        JSONObject json = bench.written("benchmark", name);
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
        bench.push("a", "int8");
        TestApp.disk = new FullDisk(700);
        ActivityController<BenchmarkActivity> shown = start(benchmark("full", "a"));
        assertEquals("Not measured", text(shown, R.id.title));
        assertTrue(text(shown, R.id.text).startsWith("The phone's storage is full: there is no room for full.json"));
        assertEquals(names(), bench.left());
    }

    @Test
    public void aMissingStorageIsSaid() {
        TestApp.unmounted = true;
        ActivityController<BenchmarkActivity> shown = start(benchmark("gone", "a"));
        assertEquals("The phone's storage is currently unavailable. Try again once it is back.",
                text(shown, R.id.text));
    }

    @Test
    public void itWaitsUntilTheCamerasScreenHasClosedItsModel() throws Exception {
        bench.push("a", "int8");
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(true));
        start(benchmark("waits", "a"));
        assertEquals(names(), bench.left());
        Demo.app().modelThread().post(() -> Demo.app().setModelInUse(false));
        shadowOf(Demo.app().modelThread().getLooper()).idleFor(Duration.ofMillis(200));
        Demo.settle();
        assertEquals(names("waits.json"), bench.left());
    }

    @Test
    @Config(qualifiers = "fr")
    public void theScreenIsFrenchAndTheFileEnglish() throws Exception {
        ActivityController<BenchmarkActivity> shown = start(benchmark("langue", "missing"));
        assertEquals("Mesure terminée", text(shown, R.id.title));
        String error = bench.written("benchmark", "langue.json").getJSONArray("models").getJSONObject(0).getString("error");
        assertTrue(error, error.startsWith("There is no folder"));
    }
}
