package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.os.Looper;
import android.view.TextureView;
import android.view.View;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowCameraManager;

/** The camera opened, lost, taken and closed. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {
    FakeCamera.Reader.class, FakeCamera.Manager.class, FakeCamera.Light.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class CameraTest {
    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        ShadowCameraManager.reset();
        FakeCamera.Manager.refusal = null;
        FakeCamera.Manager.opened = null;
        FakeCamera.Manager.meanwhile = null;
        FakeCamera.Reader.last = null;
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        Demo.allowCamera();
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
    public void theCameraCanBeFlippedAndStaysSo() {
        FakeCamera.add("front", CameraCharacteristics.LENS_FACING_FRONT, 270);
        FakeCamera.add("back", CameraCharacteristics.LENS_FACING_BACK, 90);
        Demo demo = Demo.start().drawn();
        assertTrue(demo.shown(R.id.flip));
        demo.activity().findViewById(R.id.flip).performClick();
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertEquals("front", FakeCamera.Manager.opened);
        assertFalse(demo.shown(R.id.torch));
        demo.controller.pause().stop().destroy();
        Demo.start().drawn();
        assertEquals("front", FakeCamera.Manager.opened);
    }

    @Test
    public void aPhoneWithOneCameraShowsNoButtonToFlipIt() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        assertFalse(demo.shown(R.id.flip));
        assertTrue(demo.shown(R.id.torch));
    }

    @Test
    public void theLightIsSwitchedAndOffAfterTheCameraWasClosed() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        View torch = demo.activity().findViewById(R.id.torch);
        assertEquals("Turn the light on", torch.getContentDescription());
        torch.performClick();
        Demo.settle();
        assertEquals("Turn the light off", torch.getContentDescription());
        assertTrue(FakeCamera.Light.on);
        demo.controller.pause().resume();
        Demo.settle();
        assertEquals("Turn the light on", torch.getContentDescription());
        assertFalse(FakeCamera.Light.on);
    }

    @Test
    public void noCameraIsSaid() {
        assertEquals(UiState.Kind.NO_CAMERA, Demo.start().drawn().kind());
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
    public void theCameraOpensAgainEvenIfTheStorageAnswersLast() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        demo.controller.pause().stop();
        Demo.settle();
        assertTrue(FakeCamera.Reader.last.closed);
        demo.controller.start().resume();
        shadowOf(Demo.app().modelThread().getLooper()).idle();
        shadowOf(Looper.getMainLooper()).idle();
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(FakeCamera.Reader.last.closed);
    }

    @Test
    public void aLayoutWhileTheCameraOpensDoesNotStretchThePreview() {
        FakeCamera.addBack();
        Demo demo = Demo.start();
        String[] size = {""};
        SurfaceTexture texture = new SurfaceTexture(1) {
            @Override
            public void setDefaultBufferSize(int width, int height) {
                size[0] = width + "x" + height;
            }
        };
        FakeCamera.Manager.meanwhile = () -> texture.setDefaultBufferSize(1080, 2400);
        TextureView preview = demo.activity().findViewById(R.id.preview);
        preview.setSurfaceTexture(texture);
        preview.getSurfaceTextureListener().onSurfaceTextureAvailable(texture, 1080, 2400);
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertEquals("640x480", size[0]);
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
}
