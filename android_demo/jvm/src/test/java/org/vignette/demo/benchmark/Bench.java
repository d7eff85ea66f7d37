package org.vignette.demo.benchmark;

import static org.junit.Assert.assertTrue;
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

/** Drives the benchmark in tests: pushes models, sends intents, reads files. */
public final class Bench {
    private static final Path WRITTEN = Made.FOLDER.resolve("written");

    public final File external;

    public Bench() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        external = Demo.app().getExternalFilesDir(null);
        // The models folder is created at start-up.
        Demo.settle();
    }

    public static Intent intent(String action, String session) {
        return new Intent(action).putExtra("session", session);
    }

    /** A small benchmark. */
    public static Intent benchmark(String session, String models) {
        return intent(BenchmarkActivity.BENCHMARK, session).putExtra("models", models)
                .putExtra("runs", 3).putExtra("warm_up_runs", 1).putExtra("threads", "1,2");
    }

    /** A benchmark that runs until it is stopped. */
    public static Intent endless(String session) {
        return intent(BenchmarkActivity.BENCHMARK, session).putExtra("models", "a").putExtra("sustained_seconds", 1800)
                .putExtra("runs", 1000).putExtra("warm_up_runs", 1000);
    }

    public static ActivityController<BenchmarkActivity> start(Intent intent) {
        ActivityController<BenchmarkActivity> controller =
                Robolectric.buildActivity(BenchmarkActivity.class, intent).setup();
        Demo.settle();
        return controller;
    }

    /** Starts a benchmark and waits for its first step. */
    public ActivityController<BenchmarkActivity> running(String session) throws Exception {
        push("a", "int8");
        ActivityController<BenchmarkActivity> controller =
                Robolectric.buildActivity(BenchmarkActivity.class, endless(session)).setup();
        await(session + ".progress.json");
        return controller;
    }

    public void await(String name) throws Exception {
        for (int i = 0; i < 500 && !file(name).exists(); i++) {
            shadowOf(Looper.getMainLooper()).idle();
            Thread.sleep(20);
        }
        assertTrue(name, file(name).exists());
        shadowOf(Looper.getMainLooper()).idle();
    }

    /** Pushes a bundle, as adb would. */
    public void push(String name, String flavour) throws Exception {
        File folder = new File(external, "models/" + name);
        for (var file : Made.bundle(flavour).files.entrySet()) {
            new Disk().write(new File(folder, file.getKey()), file.getValue());
        }
    }

    public File file(String name) {
        return new File(external, "benchmark/" + name);
    }

    /** A file written by the app, kept for the Python tests to validate too. */
    public JSONObject written(String kind, String name) throws Exception {
        String text = new Disk().read(file(name));
        new Disk().write(WRITTEN.resolve(kind + "/" + android.os.Build.VERSION.SDK_INT + "-" + name).toFile(), text);
        return new JSONObject(text);
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
