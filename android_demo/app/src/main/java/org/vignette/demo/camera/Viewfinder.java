package org.vignette.demo.camera;

import android.graphics.Matrix;
import android.graphics.RectF;
import org.vignette.demo.image.Yuv;

/**
 * How the camera picture is placed on the screen, so that the guide shows exactly what is analysed. Immutable.
 *
 * <p>Preview and analysis have the same aspect ratio, and a camera gives streams of the same ratio the same field of
 * view, so a rectangle in one maps proportionally to the other. The picture fills the view as far as the whole guide
 * stays visible.
 */
final class Viewfinder {
    private final int sensorDegrees;
    private final boolean front;
    private final int width;
    private final int height;

    /**
     * @param sensorDegrees clockwise, from the sensor's picture to the device's natural orientation.
     * @param front whether the camera faces the user.
     * @param width of the sensor's picture, in pixels; only the aspect ratio matters.
     * @param height of the same, in pixels.
     */
    Viewfinder(int sensorDegrees, boolean front, int width, int height) {
        this.sensorDegrees = sensorDegrees;
        this.front = front;
        this.width = width;
        this.height = height;
    }

    /**
     * Clockwise degrees that turn the sensor's picture upright: 0, 90, 180 or 270.
     *
     * @param displayDegrees the screen's rotation from its natural orientation, as reported by Display.
     */
    int uprightRotation(int displayDegrees) {
        return (front ? sensorDegrees + displayDegrees : sensorDegrees - displayDegrees + 360) % 360;
    }

    /**
     * Where the whole upright picture is in a view: centred, covering the view if the guide still fits into it, else
     * as large as the guide allows. It may be larger than the view.
     *
     * @param contentAspect width / height of the guide.
     */
    RectF picture(int viewWidth, int viewHeight, int displayDegrees, double contentAspect) {
        boolean sideways = uprightRotation(displayDegrees) % 180 != 0;
        int uprightWidth = sideways ? height : width;
        int uprightHeight = sideways ? width : height;
        Yuv.Crop crop = Yuv.Crop.centred(uprightWidth, uprightHeight, contentAspect);
        float cover = Math.max((float) viewWidth / uprightWidth, (float) viewHeight / uprightHeight);
        float most = Math.min((float) viewWidth / crop.width, (float) viewHeight / crop.height);
        float scale = Math.min(cover, most);
        float halfWidth = uprightWidth * scale / 2;
        float halfHeight = uprightHeight * scale / 2;
        return new RectF(viewWidth / 2f - halfWidth, viewHeight / 2f - halfHeight,
                viewWidth / 2f + halfWidth, viewHeight / 2f + halfHeight);
    }

    /** Where the analysed crop is in a view; the same rule as {@link org.vignette.demo.model.Frame#fill}, scaled. */
    RectF guide(int viewWidth, int viewHeight, int displayDegrees, double contentAspect) {
        RectF picture = picture(viewWidth, viewHeight, displayDegrees, contentAspect);
        boolean sideways = uprightRotation(displayDegrees) % 180 != 0;
        int uprightWidth = sideways ? height : width;
        float scale = picture.width() / uprightWidth;
        Yuv.Crop crop = Yuv.Crop.centred(uprightWidth, sideways ? width : height, contentAspect);
        float left = picture.left + crop.left * scale;
        float top = picture.top + crop.top * scale;
        return new RectF(left, top, left + crop.width * scale, top + crop.height * scale);
    }

    /**
     * The transform with which a TextureView shows the picture where {@link #picture} says.
     *
     * <p>Without one, it shows the picture upright for the device's natural orientation and stretched over the view.
     * So undo the stretching, rotate against the display and scale to the size wanted.
     */
    Matrix transform(int viewWidth, int viewHeight, int displayDegrees, double contentAspect) {
        boolean sideways = sensorDegrees % 180 != 0;
        float naturalWidth = sideways ? height : width;
        float naturalHeight = sideways ? width : height;
        float middleX = viewWidth / 2f;
        float middleY = viewHeight / 2f;
        RectF picture = picture(viewWidth, viewHeight, displayDegrees, contentAspect);
        float turnedWidth = displayDegrees % 180 != 0 ? naturalHeight : naturalWidth;
        float scale = picture.width() / turnedWidth;
        Matrix matrix = new Matrix();
        matrix.postScale(naturalWidth / viewWidth, naturalHeight / viewHeight, middleX, middleY);
        matrix.postRotate(-displayDegrees, middleX, middleY);
        matrix.postScale(scale, scale, middleX, middleY);
        return matrix;
    }
}
