package org.vignette.demo.camera;

import android.graphics.RectF;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.view.View;
import org.vignette.demo.Demo;
import org.vignette.demo.FakeCamera;
import org.vignette.demo.model.Model;

/** A camera's picture on the screen, without a camera. */
public final class LivePicture {
    private LivePicture() {}

    /**
     * Places the preview and its guide as for an open camera.
     *
     * @param display degrees by which the screen is turned.
     * @return where the whole picture is in the viewfinder.
     */
    public static RectF show(Preview preview, Model model, int display, double contentAspect, View viewfinder) {
        FakeCamera.manager().removeCamera("0");
        FakeCamera.add("0", CameraCharacteristics.LENS_FACING_BACK, (90 + display) % 360);
        FakeCamera.add("1", CameraCharacteristics.LENS_FACING_FRONT, 270);
        Lens opened;
        try {
            opened = Lens.choose(Demo.app().getSystemService(CameraManager.class), false);
        } catch (CameraAccessException e) {
            throw new AssertionError("the fake camera lets itself be read", e);
        }
        preview.open(model, contentAspect, false);
        preview.onCameraOpened(opened);
        return opened.viewfinder.picture(viewfinder.getWidth(), viewfinder.getHeight(), 0, contentAspect);
    }
}
