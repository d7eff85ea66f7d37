package org.vignette.demo.photos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;
import static org.vignette.demo.photos.PhotosActivityTest.keep;
import static org.vignette.demo.photos.PhotosActivityTest.open;
import static org.vignette.demo.photos.PhotosActivityTest.press;
import static org.vignette.demo.photos.PhotosActivityTest.start;

import android.app.AlertDialog;
import android.content.ContentResolver;
import android.content.Intent;
import android.database.Cursor;
import android.net.Uri;
import android.view.View;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.Demo;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.Made;
import org.vignette.demo.R;
import org.vignette.demo.TestApp;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.SharedFiles;

/** Which files other apps can see, and which they cannot. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class SharedFilesTest {
    private Photos photos;

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        photos = new Photos(new File(Demo.app().getExternalFilesDir(null), "photos"), new Disk());
    }

    private static List<Uri> shared(ActivityController<PhotosActivity> shown) {
        Intent chooser = shadowOf(shown.get()).getNextStartedActivity();
        assertEquals(Intent.ACTION_CHOOSER, chooser.getAction());
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals(Intent.ACTION_SEND_MULTIPLE, send.getAction());
        assertTrue((send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
        List<Uri> uris = send.getParcelableArrayListExtra(Intent.EXTRA_STREAM);
        assertEquals(uris.size(), send.getClipData().getItemCount());
        return uris;
    }

    @Test
    public void pictureAndDocumentAreSharedTogether() throws Exception {
        Photo one = keep(photos, 1);
        keep(photos, 2);
        ActivityController<PhotosActivity> shown = start();
        press(open(shown, 1), AlertDialog.BUTTON_NEUTRAL);
        List<Uri> uris = shared(shown);
        assertEquals(2, uris.size());
        assertEquals("content://org.vignette.demo.files/photos/20260301-120001/20260301-120001-000.png",
                uris.get(0).toString());
        ContentResolver resolver = Demo.app().getContentResolver();
        assertEquals("image/png", resolver.getType(uris.get(0)));
        assertEquals("application/json", resolver.getType(uris.get(1)));
        try (InputStream in = resolver.openInputStream(uris.get(0))) {
            assertArrayEquals(java.nio.file.Files.readAllBytes(one.picture.toPath()), in.readAllBytes());
        }
        try (Cursor cursor = resolver.query(uris.get(0), null, null, null, null)) {
            assertTrue(cursor.moveToFirst());
            assertEquals("20260301-120001-000.png", cursor.getString(cursor.getColumnIndex("_display_name")));
            assertEquals(one.picture.length(), cursor.getLong(cursor.getColumnIndex("_size")));
        }
    }

    @Test
    public void allPhotosAreSharedAsOneZipHoweverMany() throws Exception {
        Photo one = keep(photos, 1);
        for (int i = 0; i < 250; i++) {
            File copy = new File(one.picture.getParentFile(), String.format("20260301-130000-%03d.png", i));
            new Disk().write(copy, "");
            new Disk().write(Photo.document(copy), one.text());
        }
        ActivityController<PhotosActivity> shown = start();
        press(shown.get().findViewById(R.id.root), R.id.share_all);
        Intent chooser = shadowOf(shown.get()).getNextStartedActivity();
        Intent send = chooser.getParcelableExtra(Intent.EXTRA_INTENT);
        assertEquals(Intent.ACTION_SEND, send.getAction());
        assertTrue((send.getFlags() & Intent.FLAG_GRANT_READ_URI_PERMISSION) != 0);
        Uri zip = send.getParcelableExtra(Intent.EXTRA_STREAM);
        assertEquals("content://org.vignette.demo.files/shared/vignette-photos.zip", zip.toString());
        assertEquals("application/zip", Demo.app().getContentResolver().getType(zip));
        Map<String, byte[]> entries = new TreeMap<>();
        try (ZipInputStream in = new ZipInputStream(Demo.app().getContentResolver().openInputStream(zip))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                entries.put(entry.getName(), in.readAllBytes());
            }
        }
        assertEquals(2 * 251, entries.size());
        assertArrayEquals(java.nio.file.Files.readAllBytes(one.picture.toPath()),
                entries.get("20260301-120001/20260301-120001-000.png"));
        assertEquals(one.text(), new String(entries.get("20260301-120001/20260301-120001-000.json"), UTF_8));
        assertTrue(shown.get().findViewById(R.id.share_all).isEnabled());
        photos.delete(one.picture);
        assertEquals(0, new File(Demo.app().getExternalFilesDir(null), "shared").list().length);
    }

    @Test
    public void leavingTheScreenWhileThePhotosArePackedLeavesTheButtonUsable() throws Exception {
        keep(photos, 1);
        ActivityController<PhotosActivity> shown = start();
        View button = shown.get().findViewById(R.id.share_all);
        button.performClick();
        assertFalse(button.isEnabled());
        shown.pause().stop();
        Demo.settle();
        assertNull(shadowOf(shown.get()).getNextStartedActivity());
        shown.start().resume();
        Demo.settle();
        assertTrue(button.isEnabled());
    }

    @Test
    public void nothingElseIsHandedOutAndNothingIsTaken() throws Exception {
        keep(photos, 1);
        File secret = new File(Demo.app().getExternalFilesDir(null), "models/secret.txt");
        new Disk().write(secret, "secret");
        SharedFiles provider = Robolectric.setupContentProvider(SharedFiles.class);
        String root = "content://org.vignette.demo.files";
        for (String path : new String[] {
            "/models/secret.txt", "/photos/../models/secret.txt", "/photos/20260301-120001/..%2F..%2Fmodels%2Fsecret.txt",
            "/photos/20260301-120001", "/photos/20260301-120001/20260301-120001-000.txt", "", "/",
            "/benchmark/../models/secret.txt", "/benchmark/a/b.json",
            "//photos/20260301-120001/20260301-120001-000.png"}) {
            assertThrows(path, FileNotFoundException.class, () -> provider.openFile(Uri.parse(root + path), "r"));
            try (Cursor cursor = provider.query(Uri.parse(root + path), null, null, null, null)) {
                assertEquals(0, cursor.getCount());
            }
        }
        Uri photo = Uri.parse(root + "/photos/20260301-120001/20260301-120001-000.png");
        for (String mode : new String[] {"w", "rw", "rwt", "wa"}) {
            assertThrows(FileNotFoundException.class, () -> provider.openFile(photo, mode));
        }
        assertThrows(UnsupportedOperationException.class, () -> provider.delete(photo, null, null));
        assertThrows(UnsupportedOperationException.class, () -> provider.insert(photo, null));
        assertThrows(UnsupportedOperationException.class, () -> provider.update(photo, null, null, null));
        assertEquals(1, photos.album().photos.size());
        android.content.pm.ProviderInfo about = Demo.app().getPackageManager()
                .resolveContentProvider("org.vignette.demo.files", 0);
        assertFalse(about.exported);
        assertTrue(about.grantUriPermissions);
        assertNull(about.readPermission);
    }
}
