package org.vignette.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.util.Size;
import android.view.Surface;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.util.Arrays;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.ShadowDisplay;

/** The camera opened, lost, taken and closed, and what its frames are answered with. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class CameraTest {
    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        ShadowCameraManager.reset();
        FakeCamera.Manager.refusal = null;
        FakeCamera.Manager.opened = null;
        FakeCamera.Reader.last = null;
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        Demo.allowCamera();
    }

    /** What the model answers to a frame, computed without the app's screen. */
    private static float[] expected(FakeCamera.Frame image, int rotation) throws Exception {
        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(image, rotation);
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            return Classifier.probabilities(model.contract, classifier.run(frame.pixels)).clone();
        }
    }

    private static void assertFailsWith(UiState.Kind kind, Exception refusal) {
        FakeCamera.addBack();
        FakeCamera.Manager.refusal = refusal;
        Demo demo = Demo.start().drawn();
        assertEquals(kind, demo.kind());
        assertTrue(FakeCamera.Reader.last.closed);
        FakeCamera.Manager.refusal = null;
        if (kind != UiState.Kind.PERMISSION_WANTED) {
            demo.press(R.id.button);
            assertEquals(UiState.Kind.LIVE, demo.kind());
            assertEquals("0", FakeCamera.Manager.opened);
        }
    }

    private static void assertErrorShows(UiState.Kind kind, int error) {
        Demo demo = Demo.start().drawn();
        CameraDevice device = FakeCamera.Manager.device();
        Demo.app().cameraThread().post(() -> FakeCamera.Manager.callback.onError(device, error));
        Demo.settle();
        assertEquals(kind, demo.kind());
        assertTrue(FakeCamera.Reader.last.closed);
    }

    @Test
    public void theBackCameraIsPreferred() {
        FakeCamera.add("front", CameraCharacteristics.LENS_FACING_FRONT, 270);
        FakeCamera.add("back", CameraCharacteristics.LENS_FACING_BACK, 90);
        Demo.start().drawn();
        assertEquals("back", FakeCamera.Manager.opened);
        assertEquals(640, FakeCamera.Reader.last.width);
        assertEquals(480, FakeCamera.Reader.last.height);
    }

    @Test
    public void anyCameraIsBetterThanNone() {
        FakeCamera.add("front", CameraCharacteristics.LENS_FACING_FRONT, 270);
        Demo.start().drawn();
        assertEquals("front", FakeCamera.Manager.opened);
    }

    @Test
    public void noCameraIsSaid() {
        assertEquals(UiState.Kind.NO_CAMERA, Demo.start().drawn().kind());
    }

    @Test
    public void framesAreAnsweredUprightInFourRotations() throws Exception {
        FakeCamera.addBack();
        int[][] turns = {
            {Surface.ROTATION_0, 90}, {Surface.ROTATION_90, 0}, {Surface.ROTATION_180, 270}, {Surface.ROTATION_270, 180}
        };
        FakeCamera.Frame reference = new FakeCamera.Frame(640, 480, 7);
        assertFalse(Arrays.equals(expected(reference, 90), expected(reference, 270)));
        for (int[] turn : turns) {
            shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(turn[0]);
            Demo demo = Demo.start().drawn();
            FakeCamera.Frame image = new FakeCamera.Frame(640, 480, 7);
            FakeCamera.Reader.last.deliver(image);
            Demo.settle();
            Answer answer = demo.activity().state.answer;
            assertNotNull(answer);
            float[] expected = expected(image, turn[1]);
            int[] best = Answer.ranked(expected, 3);
            for (int i = 0; i < best.length; i++) {
                assertEquals(expected[best[i]], answer.best.get(i).probability, 0);
            }
            assertTrue(image.closed);
            demo.controller.pause().stop().destroy();
            Demo.settle();
            assertTrue(FakeCamera.Reader.last.closed);
        }
    }

    @Test
    public void turningFromOneLandscapeToTheOtherIsFollowed() throws Exception {
        FakeCamera.addBack();
        shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(Surface.ROTATION_90);
        Demo demo = Demo.start().drawn();
        shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(Surface.ROTATION_270);
        demo.activity().preview.onDisplayChanged(0);
        FakeCamera.Frame image = new FakeCamera.Frame(640, 480, 7);
        FakeCamera.Reader.last.deliver(image);
        Demo.settle();
        float[] expected = expected(image, 180);
        assertEquals(expected[Answer.ranked(expected, 1)[0]], demo.activity().state.answer.best.get(0).probability, 0);
    }

    @Test
    public void anAnswerIsShownWithBarsPercentagesAndTimes() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        assertEquals("Looking…", demo.text(R.id.headline));
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        Answer answer = demo.activity().state.answer;
        Answer.Score best = answer.best.get(0);
        assertEquals(answer.known ? best.label : "I don't know", demo.text(R.id.headline));
        assertEquals(best.label, demo.text(R.id.label));
        int percent = Math.round(100 * best.probability);
        assertEquals(percent + "\u00a0%", demo.text(R.id.number));
        ProgressBar bar = demo.activity().findViewById(R.id.bar);
        assertEquals(Math.round(1000 * best.probability), bar.getProgress());
        TextView latency = demo.activity().findViewById(R.id.latency);
        assertTrue(latency.getText().toString().matches("grab [\\d.]+ ms · letterbox [\\d.]+ ms · model [\\d.]+ ms"));
    }

    @Test
    public void onlyTheNewestFrameIsAnswered() throws Exception {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.Frame[] images = new FakeCamera.Frame[3];
        for (int i = 0; i < images.length; i++) {
            images[i] = new FakeCamera.Frame(640, 480, 100 + i);
        }
        // While the model thread is busy, as when a frame is in work.
        Demo.app().modelThread().post(() -> FakeCamera.Reader.last.deliver(images));
        Demo.settle();
        float[] expected = expected(images[2], 90);
        assertEquals(expected[Answer.ranked(expected, 1)[0]], demo.activity().state.answer.best.get(0).probability, 0);
        for (FakeCamera.Frame image : images) {
            assertTrue(image.closed);
        }
    }

    @Test
    public void aCameraTakenByAnotherAppCanBeTriedAgain() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.manager().triggerDisconnect();
        Demo.settle();
        assertEquals(UiState.Kind.CAMERA_TAKEN, demo.kind());
        assertTrue(FakeCamera.Reader.last.closed);
        demo.press(R.id.button);
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(FakeCamera.Reader.last.closed);
    }

    @Test
    public void aCameraInUseAtTheStartIsSaid() {
        assertFailsWith(UiState.Kind.CAMERA_TAKEN, new CameraAccessException(CameraAccessException.CAMERA_IN_USE));
    }

    @Test
    public void tooManyCamerasInUseIsSaid() {
        assertFailsWith(
                UiState.Kind.CAMERA_TAKEN, new CameraAccessException(CameraAccessException.MAX_CAMERAS_IN_USE));
    }

    @Test
    public void aForbiddenCameraIsSaid() {
        assertFailsWith(UiState.Kind.CAMERA_DISABLED, new CameraAccessException(CameraAccessException.CAMERA_DISABLED));
    }

    @Test
    public void aBrokenCameraIsSaid() {
        assertFailsWith(UiState.Kind.CAMERA_ERROR, new CameraAccessException(CameraAccessException.CAMERA_ERROR));
    }

    @Test
    public void anUnpluggedCameraIsSaid() {
        assertFailsWith(UiState.Kind.CAMERA_ERROR, new IllegalArgumentException("unknown camera"));
    }

    @Test
    public void permissionWithdrawnAtTheLastMomentIsAskedForAgain() {
        assertFailsWith(UiState.Kind.PERMISSION_WANTED, new SecurityException("withdrawn"));
    }

    @Test
    public void everyErrorOfAnOpenedCameraHasItsScreen() {
        FakeCamera.addBack();
        assertErrorShows(UiState.Kind.CAMERA_TAKEN, CameraDevice.StateCallback.ERROR_CAMERA_IN_USE);
        assertErrorShows(UiState.Kind.CAMERA_TAKEN, CameraDevice.StateCallback.ERROR_MAX_CAMERAS_IN_USE);
        assertErrorShows(UiState.Kind.CAMERA_DISABLED, CameraDevice.StateCallback.ERROR_CAMERA_DISABLED);
        assertErrorShows(UiState.Kind.CAMERA_ERROR, CameraDevice.StateCallback.ERROR_CAMERA_DEVICE);
        assertErrorShows(UiState.Kind.CAMERA_ERROR, CameraDevice.StateCallback.ERROR_CAMERA_SERVICE);
    }

    @Test
    public void pausingClosesAndResumingOpensAgain() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.Reader first = FakeCamera.Reader.last;
        demo.controller.pause();
        Demo.settle();
        assertTrue(first.closed);
        demo.controller.resume();
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(FakeCamera.Reader.last.closed);
    }

    @Test
    public void aScreenThatGoesAwayTakesTheCameraAlong() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        boolean[] released = {false};
        SurfaceTexture texture = new SurfaceTexture(2) {
            @Override
            public void release() {
                released[0] = true;
                super.release();
            }
        };
        assertFalse(demo.activity().preview.onSurfaceTextureDestroyed(texture));
        Demo.settle();
        assertTrue(FakeCamera.Reader.last.closed);
        assertTrue(released[0]);
    }

    @Test
    public void moderateSizesAreChosen() {
        Size[] offered = {
            new Size(4000, 3000), new Size(1920, 1080), new Size(1280, 960), new Size(800, 600), new Size(640, 480),
            new Size(640, 360), new Size(176, 144)
        };
        Size analysis = StreamSize.analysis(offered);
        assertEquals(new Size(640, 480), analysis);
        assertEquals(new Size(1280, 960), StreamSize.preview(offered, analysis));
        Size[] wideOnly = {new Size(1920, 1080), new Size(640, 360)};
        assertEquals(new Size(640, 360), StreamSize.analysis(wideOnly));
        assertEquals(new Size(640, 360), StreamSize.preview(new Size[] {new Size(640, 480)}, new Size(640, 360)));
    }

    @Test
    public void buffersAreMadeOnce() throws Exception {
        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, 1), 90);
        byte[] pixels = frame.pixels;
        byte[] before = pixels.clone();
        frame.fill(new FakeCamera.Frame(640, 480, 2), 90);
        assertFalse(Arrays.equals(before, frame.pixels));
        frame.fill(new FakeCamera.Frame(640, 480, 1), 90);
        assertArrayEquals(before, pixels);
    }
}
