package org.vignette.demo.camera;

import android.graphics.RectF;
import android.view.View;

/** A camera's picture on the screen, without a camera. */
public final class LivePicture {
    private LivePicture() {}

    /**
     * Places the preview and its guide as for an open camera.
     *
     * @param display degrees by which the screen is turned.
     * @return where the whole picture is in the viewfinder.
     */
    public static RectF show(Preview preview, int display, double contentAspect, View viewfinder) {
        Viewfinder opened = new Viewfinder((90 + display) % 360, false, 640, 480);
        preview.open(null, contentAspect);
        preview.onCameraOpened(opened);
        return opened.picture(viewfinder.getWidth(), viewfinder.getHeight(), 0);
    }
}
