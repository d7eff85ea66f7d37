package org.vignette.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.view.ViewGroup;
import android.widget.Button;
import java.io.File;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowToast;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.FullDisk;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.model.SelfTest;
import org.vignette.demo.photos.Photo;
import org.vignette.demo.photos.Photos;

/** From pressing the shutter to the files and the user's label. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ShutterTest {
    private File folder;

    @Before
    public void setUp() throws Exception {
        Demo.ready();
        folder = new File(Demo.app().getExternalFilesDir(null), "photos");
    }

    /** The live screen with an answer to a frame. */
    private static Demo answered(int seed) {
        Demo demo = Demo.start().drawn();
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, seed));
        Demo.settle();
        return demo;
    }

    private static void shoot(Demo demo) {
        demo.activity().findViewById(R.id.shutter).performClick();
        Demo.settle();
    }

    private Photos.Album album() {
        return new Photos(folder, new Disk()).album();
    }

    private Photo only() {
        assertEquals(1, album().photos.size());
        return album().photos.get(0);
    }

    private static Button label(Demo demo, int index) {
        return (Button) ((ViewGroup) demo.activity().findViewById(R.id.labels)).getChildAt(index);
    }

    @Test
    public void theShutterKeepsTheGuidesPixelsAndTheAnswerThatWasShown() throws Exception {
        Demo demo = answered(7);
        Answer shown = demo.activity().state.answer;
        shoot(demo);
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        assertTrue(demo.shown(R.id.question));
        assertTrue(demo.shown(R.id.picture));
        assertFalse(demo.shown(R.id.panel));

        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, 7), 90);
        Photo photo = only();
        Bitmap kept = BitmapFactory.decodeFile(photo.picture.getPath());
        assertEquals(frame.insideWidth(), kept.getWidth());
        assertArrayEquals(frame.inside(), Golden.pixels(kept));
        JSONObject json = new JSONObject(photo.text());
        byte[] file = java.nio.file.Files.readAllBytes(photo.picture.toPath());
        assertEquals(ModelFile.sha256(ByteBuffer.wrap(file)), json.getString("sha256"));
        assertEquals(ModelFile.sha256(ByteBuffer.wrap(frame.pixels)), json.getString("prepared_sha256"));
        assertEquals(model.contract.modelSha256, json.getJSONObject("model").getString("sha256"));
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            byte[] output = classifier.run(frame.pixels);
            assertEquals(Base64.getEncoder().encodeToString(output), json.getString("output"));
        }
        assertEquals(shown.known ? shown.best.get(0).label : null, photo.answer);
        assertEquals(shown.best.get(0).probability, photo.probability, 0);
        assertEquals(Photo.Naming.NOTHING, photo.naming);
        new Disk().write(Made.FOLDER.resolve("written/photo/shutter.json").toFile(), photo.text());
    }

    @Test
    public void aTapNamesIt() {
        Demo demo = answered(7);
        shoot(demo);
        String first = label(demo, 0).getText().toString();
        assertEquals(demo.activity().state.photo.labels.get(0), first);
        String third = label(demo, 2).getText().toString();
        label(demo, 2).performClick();
        Demo.settle();
        assertEquals(third, only().truth);
        assertEquals("Labelled: " + third, ShadowToast.getTextOfLatestToast());
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(FakeCamera.Reader.last.closed);
        assertFalse(demo.shown(R.id.question));
    }

    @Test
    public void noneOfThemAndLaterAreAnswersToo() {
        Demo demo = answered(7);
        shoot(demo);
        demo.press(R.id.none);
        assertEquals(Photo.Naming.NONE, only().naming);
        assertEquals("Labelled: none of them", ShadowToast.getTextOfLatestToast());
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 8));
        Demo.settle();
        shoot(demo);
        demo.press(R.id.later);
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertEquals(Photo.Naming.NOTHING, album().photos.get(0).naming);
        assertEquals(2, album().photos.size());
        assertEquals(album().photos.get(0).picture.getParentFile(), album().photos.get(1).picture.getParentFile());
    }

    @Test
    public void anUnwantedPhotoIsGoneAtOnce() {
        Demo demo = answered(7);
        shoot(demo);
        demo.press(R.id.unwanted);
        assertEquals(0, album().photos.size());
        assertEquals(0, folder.list().length);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void nothingIsKeptUnlessTheShutterIsPressed() {
        Demo demo = answered(7);
        assertFalse(folder.exists());
        demo.controller.pause().stop().destroy();
        Demo.settle();
        assertFalse(folder.exists());
    }

    @Test
    public void beforeTheFirstAnswerThereIsNothingToKeep() {
        Demo demo = Demo.start().drawn();
        assertTrue(demo.shown(R.id.shutter));
        assertFalse(demo.activity().findViewById(R.id.shutter).isEnabled());
        shoot(demo);
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(folder.exists());
    }

    @Test
    public void aPictureOfTheSelfTestIsNotKeptAsAPhoto() {
        Demo demo = answered(7);
        demo.activity().show(UiState.of(UiState.Kind.LOADING));
        Demo.app().modelThread().post(() -> {});
        demo.activity().onSelfTest(new SelfTest.Report(1, false, null));
        demo.press(R.id.button);
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(demo.activity().findViewById(R.id.shutter).isEnabled());
    }

    @Test
    public void aDoublePressKeepsOnePhoto() {
        Demo demo = answered(7);
        demo.activity().findViewById(R.id.shutter).performClick();
        shoot(demo);
        assertEquals(1, album().photos.size());
        demo.press(R.id.later);
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 8));
        Demo.settle();
        shoot(demo);
        assertEquals(2, album().photos.size());
    }

    @Test
    public void aFullStorageIsSaidAndNothingHalfIsLeft() {
        TestApp.disk = new FullDisk(100);
        Demo demo = answered(7);
        shoot(demo);
        assertEquals(UiState.Kind.NOT_KEPT, demo.kind());
        assertEquals("Not saved", demo.text(R.id.title));
        assertTrue(demo.text(R.id.text).startsWith("The phone's storage is full"));
        assertEquals(0, folder.list().length);
        demo.press(R.id.button);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void aMissingStorageIsSaid() {
        TestApp.unmounted = true;
        Demo demo = answered(7);
        shoot(demo);
        assertEquals("The phone's storage is currently unavailable. Try again once it is back.", demo.text(R.id.text));
    }

    @Test
    public void leavingTheAppWhileItAsksKeepsThePhotoUnnamed() {
        Demo demo = answered(7);
        shoot(demo);
        demo.controller.pause();
        Demo.settle();
        assertTrue(FakeCamera.Reader.last.closed);
        demo.controller.resume();
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        demo.press(R.id.later);
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(FakeCamera.Reader.last.closed);
        assertEquals(Photo.Naming.NOTHING, only().naming);
    }

    @Test
    public void framesThatComeWhileItAsksDoNotTakeTheQuestionAway() {
        Demo demo = answered(7);
        shoot(demo);
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 9));
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        assertNotNull(demo.activity().state.photo);
        assertNull(demo.activity().state.answer);
        assertTrue(Arrays.asList(demo.activity().state.photo.labels.toArray()).contains("kettle"));
    }
}
