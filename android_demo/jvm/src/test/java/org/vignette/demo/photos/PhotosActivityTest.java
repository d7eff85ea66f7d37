package org.vignette.demo.photos;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.AlertDialog;
import android.content.Intent;
import android.view.View;
import android.widget.GridView;
import android.widget.ImageView;
import android.widget.ListView;
import android.widget.TextView;
import java.io.File;
import java.time.Instant;
import java.util.TimeZone;
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
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.ModelFile;

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

    private static View cell(ActivityController<PhotosActivity> shown, int position) {
        GridView grid = shown.get().findViewById(R.id.grid);
        return grid.getAdapter().getView(position, null, grid);
    }

    /** The dialog about one photo. */
    static AlertDialog open(ActivityController<PhotosActivity> shown, int position) {
        GridView grid = shown.get().findViewById(R.id.grid);
        grid.getOnItemClickListener().onItemClick(grid, null, position, position);
        Demo.settle();
        return ShadowAlertDialog.getLatestAlertDialog();
    }

    static void press(AlertDialog dialog, int button) {
        dialog.getButton(button).performClick();
        Demo.settle();
    }

    static void press(View view, int id) {
        view.findViewById(id).performClick();
        Demo.settle();
    }

    private static String truth(ActivityController<PhotosActivity> shown, int position) {
        return ((TextView) cell(shown, position).findViewById(R.id.truth)).getText().toString();
    }

    /** The drawable that marks a photo. */
    private static int mark(ActivityController<PhotosActivity> shown, int position) {
        ImageView mark = cell(shown, position).findViewById(R.id.mark);
        return shadowOf(mark.getDrawable()).getCreatedFromResId();
    }

    private static String message(AlertDialog dialog) {
        return shadowOf(dialog).getMessage().toString();
    }

    @Test
    public void withoutPhotosItSaysHowToTakeOne() {
        ActivityController<PhotosActivity> shown = start();
        assertTrue(text(shown).startsWith("No photos yet. Tap the round button"));
        assertEquals(View.GONE, shown.get().findViewById(R.id.actions).getVisibility());
        assertFalse(folder.exists());
    }

    @Test
    public void photosAreListedWithTheirLabelsAndLabelledLater() throws Exception {
        Photo named = photos.label(keep(1), "window", START);
        photos.label(keep(2), null, START);
        Photo unnamed = keep(3);
        ActivityController<PhotosActivity> shown = start();
        assertEquals("3 photos, 1 unlabelled.", text(shown));
        assertEquals("What is it?", truth(shown, 0));
        assertEquals("None of them", truth(shown, 1));
        assertEquals("window", truth(shown, 2));
        int percent = (int) Math.round(100 * named.probability);
        String answer = named.answer == null
                ? "Answer: I don't know (" + named.labels.get(0) + ", " + percent + "\u00a0%)"
                : "Answer: " + named.answer + ", " + percent + "%";
        assertEquals("window. " + answer, cell(shown, 2).getContentDescription());
        assertTrue(message(open(shown, 2)).startsWith(answer + "\n"));
        press(open(shown, 0), AlertDialog.BUTTON_POSITIVE);
        ListView choices = ShadowAlertDialog.getLatestAlertDialog().getListView();
        assertEquals(unnamed.labels.size() + 1, choices.getCount());
        shadowOf(choices).performItemClick(1);
        Demo.settle();
        assertEquals("3 photos, 0 unlabelled.", text(shown));
        assertEquals(unnamed.labels.get(1), truth(shown, 0));
        press(open(shown, 0), AlertDialog.BUTTON_POSITIVE);
        shadowOf(ShadowAlertDialog.getLatestAlertDialog().getListView()).performItemClick(4);
        Demo.settle();
        assertEquals(Photo.Naming.NONE, photos.album().photos.get(0).naming);
    }

    @Test
    public void eachPhotoIsMarkedRightWrongOrUnlabelled() throws Exception {
        Photo right = keep(1);
        photos.label(right, right.answer, START);
        Photo wrong = keep(2);
        photos.label(wrong, wrong.labels.get(3), START);
        keep(3);
        new Disk().write(Photo.document(keep(4).picture), "{");
        ActivityController<PhotosActivity> shown = start();
        assertEquals(R.drawable.mark_damaged, mark(shown, 0));
        assertEquals(R.drawable.mark_open, mark(shown, 1));
        assertEquals(R.drawable.mark_wrong, mark(shown, 2));
        assertEquals(R.drawable.mark_right, mark(shown, 3));
    }

    @Test
    public void timesAreThePhonesOwn() throws Exception {
        TimeZone before = TimeZone.getDefault();
        TimeZone.setDefault(TimeZone.getTimeZone("Asia/Tokyo"));
        try {
            keep(1);
            String message = message(open(start(), 0));
            assertTrue(message, message.matches("(?s).*\nMar 1, 2026,? 9:00:01\\sPM · int8"));
        } finally {
            TimeZone.setDefault(before);
        }
    }

    @Test
    public void deletingAsksFirst() throws Exception {
        keep(1);
        keep(2);
        ActivityController<PhotosActivity> shown = start();
        press(open(shown, 0), AlertDialog.BUTTON_NEGATIVE);
        press(ShadowAlertDialog.getLatestAlertDialog(), AlertDialog.BUTTON_NEGATIVE);
        assertEquals(2, photos.album().photos.size());
        press(open(shown, 0), AlertDialog.BUTTON_NEGATIVE);
        press(ShadowAlertDialog.getLatestAlertDialog(), AlertDialog.BUTTON_POSITIVE);
        assertEquals("1 photo, 1 unlabelled.", text(shown));
        assertEquals("2026-03-01T12:00:01.000Z", photos.album().photos.get(0).takenAt);
        press(shown.get().findViewById(R.id.root), R.id.delete_all);
        press(ShadowAlertDialog.getLatestAlertDialog(), AlertDialog.BUTTON_POSITIVE);
        assertEquals(0, folder.list().length);
        assertTrue(text(shown).startsWith("No photos yet."));
    }

    @Test
    public void aDamagedPhotoCanOnlyBeDeleted() throws Exception {
        Photo damaged = keep(1);
        new Disk().write(Photo.document(damaged.picture), "{");
        ActivityController<PhotosActivity> shown = start();
        assertEquals("Unreadable", truth(shown, 0));
        AlertDialog dialog = open(shown, 0);
        assertEquals(View.GONE, dialog.getButton(AlertDialog.BUTTON_POSITIVE).getVisibility());
        assertEquals(View.GONE, dialog.getButton(AlertDialog.BUTTON_NEUTRAL).getVisibility());
        press(dialog, AlertDialog.BUTTON_NEGATIVE);
        press(ShadowAlertDialog.getLatestAlertDialog(), AlertDialog.BUTTON_POSITIVE);
        assertEquals(0, folder.list().length);
    }

    @Test
    public void aFullStorageWhileNamingIsSaid() throws Exception {
        keep(1);
        TestApp.disk = new FullDisk(10);
        ActivityController<PhotosActivity> shown = start();
        press(open(shown, 0), AlertDialog.BUTTON_POSITIVE);
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
        open(shown, 0);
        shown.pause().stop();
        assertFalse(ShadowAlertDialog.getLatestAlertDialog().isShowing());
        shown.destroy();
    }

    @Test
    public void thumbnailsAreReadOffTheMainThreadAndShown() throws Exception {
        keep(1);
        ActivityController<PhotosActivity> shown = start();
        cell(shown, 0);
        Demo.settle();
        ImageView picture = cell(shown, 0).findViewById(R.id.picture);
        assertEquals(240, ((android.graphics.drawable.BitmapDrawable) picture.getDrawable()).getBitmap().getWidth());
    }
}
