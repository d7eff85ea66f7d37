package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.os.Looper;
import android.view.View;
import android.widget.Button;
import android.widget.TextView;
import java.io.File;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.json.JSONObject;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.vignette.demo.Demo;
import org.vignette.demo.Made;
import org.vignette.demo.TestApp;
import org.vignette.demo.core.Disk;

/** Drives the benchmark in tests: chooses the app's models, sends intents, reads files. */
public final class Bench {
    private static final Path WRITTEN = Made.FOLDER.resolve("written");

    public final File external;
    /** What is inside the app: the int8 model. */
    public final Made.Bundle inside = Made.bundle("int8");

    public Bench() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        TestApp.files = inside;
        external = Demo.app().getExternalFilesDir(null);
    }

    /** A small benchmark. */
    public static Intent benchmark(String session) {
        return new Intent(BenchmarkActivity.BENCHMARK).putExtra("session", session)
                .putExtra("max_seconds", 1).putExtra("threads", "1");
    }

    public static ActivityController<BenchmarkActivity> start(Intent intent) {
        ActivityController<BenchmarkActivity> controller =
                Robolectric.buildActivity(BenchmarkActivity.class, intent).setup();
        Demo.settle();
        return controller;
    }

    /** Starts a benchmark that runs until it is stopped, and waits for its first step. */
    public ActivityController<BenchmarkActivity> running(String session) throws Exception {
        ActivityController<BenchmarkActivity> controller = Robolectric.buildActivity(
                BenchmarkActivity.class, benchmark(session).putExtra("sustained_seconds", 1800)).setup();
        await(session, "running");
        return controller;
    }

    public void await(String session, String state) throws Exception {
        for (int i = 0; i < 500 && !state.equals(state(session)); i++) {
            shadowOf(Looper.getMainLooper()).idle();
            Thread.sleep(20);
        }
        assertEquals(state, state(session));
        shadowOf(Looper.getMainLooper()).idle();
    }

    /** Null if there is no file. */
    public String state(String session) throws Exception {
        File file = file(session + ".json");
        return file.exists() ? new JSONObject(new Disk().read(file)).getString("state") : null;
    }

    /** Puts another flavour into the app. */
    public void add(String flavour) throws Exception {
        inside.add(Made.bundle(flavour));
    }

    public File file(String name) {
        return new File(external, "benchmark/" + name);
    }

    /** A file written by the app, kept for the Python tests to validate too. */
    public JSONObject written(String session) throws Exception {
        String text = new Disk().read(file(session + ".json"));
        JSONObject json = new JSONObject(text);
        String name = android.os.Build.VERSION.SDK_INT + "-" + session + "-" + json.getString("state") + ".json";
        new Disk().write(WRITTEN.resolve("benchmark/" + name).toFile(), text);
        return json;
    }

    public TreeSet<String> left() {
        String[] names = new File(external, "benchmark").list();
        return new TreeSet<>(Arrays.asList(names == null ? new String[0] : names));
    }

    public static TreeSet<String> names(String... names) {
        return new TreeSet<>(List.of(names));
    }

    public static String text(ActivityController<BenchmarkActivity> controller, int id) {
        return ((TextView) controller.get().findViewById(id)).getText().toString();
    }

    public static boolean shown(ActivityController<BenchmarkActivity> controller, int id) {
        return controller.get().findViewById(id).getVisibility() == View.VISIBLE;
    }

    public static void press(ActivityController<BenchmarkActivity> controller, int id) {
        ((Button) controller.get().findViewById(id)).performClick();
        Demo.settle();
    }
}
