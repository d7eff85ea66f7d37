package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.content.ContentValues;
import android.content.pm.ProviderInfo;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import android.os.Process;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.Demo;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.R;
import org.vignette.demo.TestApp;
import org.vignette.demo.core.Disk;

/** What adb reads of a benchmark, who else may, and which names it may ask for. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class BenchmarkProviderTest {
    private Bench bench;
    private BenchmarkProvider provider;

    @Before
    public void setUp() throws Exception {
        bench = new Bench();
        provider = Robolectric.buildContentProvider(BenchmarkProvider.class).create(declared()).get();
    }

    /** As the manifest declares it. */
    private static ProviderInfo declared() {
        return Demo.app().getPackageManager().resolveContentProvider("org.vignette.demo.benchmark", 0);
    }

    private static Uri uri(String path) {
        return Uri.parse("content://org.vignette.demo.benchmark/" + path);
    }

    private String read(String session) throws Exception {
        try (ParcelFileDescriptor file = provider.openFile(uri(session + ".json"), "r");
                InputStream in = new ParcelFileDescriptor.AutoCloseInputStream(file)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String queried(String session) {
        try (Cursor cursor = provider.query(uri(session + ".json"), new String[] {"json"}, null, null, null)) {
            return cursor.moveToFirst() ? cursor.getString(cursor.getColumnIndexOrThrow("json")) : null;
        }
    }

    @Test
    public void itSaysThatASessionRunsAndThenThatItWasStopped() throws Exception {
        assertThrows(FileNotFoundException.class, () -> read("long"));
        assertEquals(null, queried("long"));
        ActivityController<BenchmarkActivity> shown = bench.running("long");
        JSONObject running = new JSONObject(read("long"));
        assertEquals("running", running.getString("state"));
        assertEquals(2, running.getInt("of"));
        assertTrue(running.getInt("done") < 2);
        assertEquals(Process.myPid(), running.getInt("pid"));
        assertTrue(running.getString("now"), running.getString("now").startsWith("int8\nXNNPACK, "));
        Bench.press(shown, R.id.button);
        JSONObject failed = new JSONObject(read("long"));
        assertEquals("failed", failed.getString("state"));
        assertEquals("The benchmark was stopped.", failed.getString("error"));
        assertTrue(failed.getBoolean("cancelled"));
    }

    @Test
    public void aFinishedSessionIsReadInBothWaysAndDeleted() throws Exception {
        Bench.start(Bench.benchmark("done"));
        assertEquals("finished", new JSONObject(read("done")).getString("state"));
        assertEquals(read("done"), queried("done"));
        assertEquals(1, provider.delete(uri("done.json"), null, null));
        assertFalse(bench.file("done.json").exists());
        assertEquals(0, provider.delete(uri("done.json"), null, null));
    }

    @Test
    public void noNameLeadsOutOfTheFolder() throws Exception {
        Disk disk = new Disk();
        disk.write(bench.file("inside.json"), "{}");
        disk.write(bench.file("inside.txt"), "{}");
        disk.write(bench.file("deeper/inside.json"), "{}");
        disk.write(new java.io.File(bench.external, "outside.json"), "{}");
        String[] wrong = {
            "../outside.json", "..%2Foutside.json", "%2e%2e%2Foutside.json", "deeper/inside.json",
            "deeper%2Finside.json", "./inside.json", "inside.json/", "inside.json%00", "inside.json%0A", "inside.txt",
            ".inside.json", "", "/inside.json", "x".repeat(65) + ".json", "none.json"
        };
        for (String path : wrong) {
            assertThrows(path, FileNotFoundException.class, () -> provider.openFile(uri(path), "r"));
            try (Cursor none = provider.query(uri(path), null, null, null, null)) {
                assertEquals(path, 0, none.getCount());
            }
            assertEquals(path, 0, provider.delete(uri(path), null, null));
        }
        assertTrue(new java.io.File(bench.external, "outside.json").exists());
        assertEquals("{}", read("inside"));
    }

    @Test
    public void nothingCanBeWrittenThroughIt() throws Exception {
        new Disk().write(bench.file("mine.json"), "{}");
        for (String mode : new String[] {"w", "rw", "rwt", "wa"}) {
            assertThrows(FileNotFoundException.class, () -> provider.openFile(uri("mine.json"), mode));
        }
        ContentValues values = new ContentValues();
        assertThrows(UnsupportedOperationException.class, () -> provider.insert(uri("mine.json"), values));
        assertThrows(UnsupportedOperationException.class, () -> provider.update(uri("mine.json"), values, null, null));
        assertEquals("application/json", provider.getType(uri("mine.json")));
    }

    @Test
    public void whoeverAsksNeedsThePermissionThatAdbHas() throws Exception {
        ProviderInfo about = declared();
        assertEquals(BenchmarkProvider.class.getName(), about.name);
        assertTrue(about.exported);
        assertFalse(about.grantUriPermissions);
        // Android demands these of whoever opens, queries or deletes; there is no path with another.
        assertEquals("android.permission.DUMP", provider.getReadPermission());
        assertEquals("android.permission.DUMP", provider.getWritePermission());
        assertEquals(null, provider.getPathPermissions());
    }
}
