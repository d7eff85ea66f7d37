package org.vignette.demo.photos;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.AlertDialog;
import android.content.Intent;
import android.view.View;
import android.widget.ListView;
import android.widget.TextView;
import java.io.File;
import java.time.Instant;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowAlertDialog;
import org.vignette.demo.Demo;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.FakeCamera;
import org.vignette.demo.Made;
import org.vignette.demo.R;
import org.vignette.demo.TestApp;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.FullDisk;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.model.Shot;

/** The list of photos. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class PhotosActivityTest {
    private static final long START = Instant.parse("2026-03-01T12:00:00Z").toEpochMilli();

    private File folder;
    private Photos photos;

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        folder = new File(Demo.app().getExternalFilesDir(null), "photos");
        photos = new Photos(folder, new Disk());
    }

    private Photo keep(int second) throws Exception {
        return keep(photos, second);
    }

    /** A photo of noise, so many seconds after noon. */
    static Photo keep(Photos photos, int second) throws Exception {
        ModelFile model = ModelFile.open(Made.bundle("int8"));
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, second), 90);
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            return photos.save(new Shot(model.contract, frame, Classifier.Kernels.XNNPACK,
                    classifier.run(frame.pixels), 2, START + 1000 * second), PhotoMakerTest.PHONE);
        }
    }

    static ActivityController<PhotosActivity> start() {
        ActivityController<PhotosActivity> controller =
                Robolectric.buildActivity(PhotosActivity.class, new Intent()).setup();
        Demo.settle();
        return controller;
    }

    private static String text(ActivityController<PhotosActivity> shown) {
        return ((TextView) shown.get().findViewById(R.id.text)).getText().toString();
    }

    static View row(ActivityController<PhotosActivity> shown, int position) {
        ListView list = shown.get().findViewById(R.id.list);
        return list.getAdapter().getView(position, null, list);
    }

    static void press(View view, int id) {
        view.findViewById(id).performClick();
        Demo.settle();
    }

    private static String word(View row, int id) {
        return ((TextView) row.findViewById(id)).getText().toString();
    }

    @Test
    public void withoutPhotosItSaysHowToTakeOne() {
        ActivityController<PhotosActivity> shown = start();
        assertTrue(text(shown).startsWith("No photos yet. Tap the round button"));
        assertEquals(View.GONE, shown.get().findViewById(R.id.actions).getVisibility());
        assertFalse(folder.exists());
    }

    @Test
    public void photosAreListedWithAnswerAndWordAndNamedLater() throws Exception {
        Photo named = photos.label(keep(1), "window", START);
        photos.label(keep(2), null, START);
        Photo unnamed = keep(3);
        ActivityController<PhotosActivity> shown = start();
        assertEquals("3 photos, 1 unlabelled.", text(shown));
        assertEquals("What is it?", word(row(shown, 0), R.id.truth));
        assertEquals("None of them", word(row(shown, 1), R.id.truth));
        assertEquals("window", word(row(shown, 2), R.id.truth));
        assertEquals("2026-03-01 12:00:01 UTC", word(row(shown, 2), R.id.time));
        int percent = (int) Math.round(100 * named.probability);
        assertEquals(named.answer == null
                ? "Answer: I don't know (" + named.labels.get(0) + ", " + percent + "\u00a0%)"
                : "Answer: " + named.answer + ", " + percent + "\u00a0%", word(row(shown, 2), R.id.answer));
        press(row(shown, 0), R.id.label);
        ListView choices = ShadowAlertDialog.getLatestAlertDialog().getListView();
        assertEquals(unnamed.labels.size() + 1, choices.getCount());
        shadowOf(choices).performItemClick(1);
        Demo.settle();
        assertEquals("3 photos, 0 unlabelled.", text(shown));
        assertEquals(unnamed.labels.get(1), word(row(shown, 0), R.id.truth));
        press(row(shown, 0), R.id.label);
        shadowOf(ShadowAlertDialog.getLatestAlertDialog().getListView()).performItemClick(4);
        Demo.settle();
        assertEquals(Photo.Naming.NONE, photos.album().photos.get(0).naming);
    }

    @Test
    public void deletingAsksFirst() throws Exception {
        keep(1);
        keep(2);
        ActivityController<PhotosActivity> shown = start();
        press(row(shown, 0), R.id.delete);
        AlertDialog dialog = ShadowAlertDialog.getLatestAlertDialog();
        dialog.getButton(AlertDialog.BUTTON_NEGATIVE).performClick();
        Demo.settle();
        assertEquals(2, photos.album().photos.size());
        press(row(shown, 0), R.id.delete);
        ShadowAlertDialog.getLatestAlertDialog().getButton(AlertDialog.BUTTON_POSITIVE).performClick();
        Demo.settle();
        assertEquals("1 photo, 1 unlabelled.", text(shown));
        assertEquals("2026-03-01T12:00:01.000Z", photos.album().photos.get(0).takenAt);
        press(shown.get().findViewById(R.id.root), R.id.delete_all);
        ShadowAlertDialog.getLatestAlertDialog().getButton(AlertDialog.BUTTON_POSITIVE).performClick();
        Demo.settle();
        assertEquals(0, folder.list().length);
        assertTrue(text(shown).startsWith("No photos yet."));
    }

    @Test
    public void aDamagedPhotoCanOnlyBeDeleted() throws Exception {
        Photo damaged = keep(1);
        new Disk().write(Photo.document(damaged.picture), "{");
        ActivityController<PhotosActivity> shown = start();
        View row = row(shown, 0);
        assertEquals("Unreadable", word(row, R.id.truth));
        assertEquals(View.GONE, row.findViewById(R.id.label).getVisibility());
        assertEquals(View.GONE, row.findViewById(R.id.share).getVisibility());
        press(row, R.id.delete);
        ShadowAlertDialog.getLatestAlertDialog().getButton(AlertDialog.BUTTON_POSITIVE).performClick();
        Demo.settle();
        assertEquals(0, folder.list().length);
    }

    @Test
    public void aFullStorageWhileNamingIsSaid() throws Exception {
        keep(1);
        TestApp.disk = new FullDisk(10);
        ActivityController<PhotosActivity> shown = start();
        press(row(shown, 0), R.id.label);
        shadowOf(ShadowAlertDialog.getLatestAlertDialog().getListView()).performItemClick(0);
        Demo.settle();
        assertTrue(shadowOf(ShadowAlertDialog.getLatestAlertDialog()).getMessage().toString()
                .startsWith("The phone's storage is full"));
        assertEquals("1 photo, 1 unlabelled.", text(shown));
    }

    @Test
    public void leavingTheScreenClosesTheDialog() throws Exception {
        keep(1);
        ActivityController<PhotosActivity> shown = start();
        press(row(shown, 0), R.id.delete);
        shown.pause().stop();
        assertFalse(ShadowAlertDialog.getLatestAlertDialog().isShowing());
        shown.destroy();
    }

    @Test
    public void thumbnailsAreReadOffTheMainThreadAndShown() throws Exception {
        keep(1);
        ActivityController<PhotosActivity> shown = start();
        row(shown, 0);
        Demo.settle();
        android.widget.ImageView picture = row(shown, 0).findViewById(R.id.picture);
        assertEquals(240, ((android.graphics.drawable.BitmapDrawable) picture.getDrawable()).getBitmap().getWidth());
    }
}
