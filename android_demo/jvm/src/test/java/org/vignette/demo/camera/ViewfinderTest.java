package org.vignette.demo.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import android.graphics.Matrix;
import android.graphics.RectF;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.image.Yuv;

/** The guide on the screen surrounds exactly what is analysed. */
@RunWith(DemoRunner.class)
@Config(sdk = 35)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ViewfinderTest {
    private static final int[] DEGREES = {0, 90, 180, 270};

    @Test
    public void rotationsAreThoseOfTheDocumentation() {
        Viewfinder back = new Viewfinder(90, false, 640, 480);
        assertEquals(90, back.uprightRotation(0));
        assertEquals(0, back.uprightRotation(90));
        assertEquals(270, back.uprightRotation(180));
        assertEquals(180, back.uprightRotation(270));
        Viewfinder front = new Viewfinder(270, true, 640, 480);
        assertEquals(270, front.uprightRotation(0));
        assertEquals(0, front.uprightRotation(90));
        assertEquals(90, front.uprightRotation(180));
    }

    /**
     * Follows every corner of the crop by the way of the preview and by the way of the analysis; both must arrive at
     * the same point of the view.
     */
    @Test
    public void previewAndAnalysisAgreeInEveryRotation() {
        for (int sensor : DEGREES) {
            for (int display : DEGREES) {
                for (int[] view : new int[][] {{1080, 1500}, {1700, 900}, {500, 500}}) {
                    for (double aspect : new double[] {16 / 9.0, 1, 0.5}) {
                        check(sensor, display, view[0], view[1], aspect);
                    }
                }
            }
        }
    }

    @Test
    public void thePreviewFillsTheViewAsFarAsTheWholeGuideStaysVisible() {
        Viewfinder finder = new Viewfinder(90, false, 640, 480);
        assertEquals(new RectF(0, -120, 1080, 1320), finder.picture(1080, 1200, 0, 16 / 9.0));
        for (int[] view : new int[][] {{1080, 1200}, {1080, 2000}, {1700, 900}, {500, 500}}) {
            for (double aspect : new double[] {16 / 9.0, 1, 0.5}) {
                RectF guide = finder.guide(view[0], view[1], 0, aspect);
                RectF picture = finder.picture(view[0], view[1], 0, aspect);
                RectF whole = new RectF(-0.01f, -0.01f, view[0] + 0.01f, view[1] + 0.01f);
                String what = view[0] + "x" + view[1] + ", " + aspect + ": " + guide + " " + picture;
                assertTrue(what, whole.contains(guide));
                boolean covers = picture.left <= 0.01 && picture.top <= 0.01;
                boolean guideFills = guide.width() > view[0] - 0.01 || guide.height() > view[1] - 0.01;
                assertTrue(what, covers || guideFills);
            }
        }
    }

    private static void check(int sensor, int display, int viewWidth, int viewHeight, double aspect) {
        Viewfinder finder = new Viewfinder(sensor, false, 640, 480);
        int rotation = finder.uprightRotation(display);
        boolean sideways = rotation % 180 != 0;
        Yuv.Crop crop = Yuv.Crop.centred(sideways ? 480 : 640, sideways ? 640 : 480, aspect);
        RectF guide = finder.guide(viewWidth, viewHeight, display, aspect);
        float[][] corners = {
            {crop.left, crop.top, guide.left, guide.top},
            {crop.left + crop.width, crop.top, guide.right, guide.top},
            {crop.left + crop.width, crop.top + crop.height, guide.right, guide.bottom},
            {crop.left, crop.top + crop.height, guide.left, guide.bottom},
        };
        for (float[] corner : corners) {
            // Upright picture to sensor: back by the rotation of the analysis.
            float[] point = {corner[0], corner[1]};
            turn(rotation, 640, 480).mapPoints(point);
            // From the sensor to what TextureView shows by default: upright in natural orientation, stretched over the view.
            Matrix shown = new Matrix();
            if (!turn(sensor, 640, 480).invert(shown)) {
                throw new AssertionError("no inverse");
            }
            shown.postScale(viewWidth / (sensor % 180 != 0 ? 480f : 640f), viewHeight / (sensor % 180 != 0 ? 640f : 480f));
            shown.mapPoints(point);
            finder.transform(viewWidth, viewHeight, display, aspect).mapPoints(point);
            String what = "sensor " + sensor + " display " + display;
            assertEquals(what, corner[2], point[0], 0.01);
            assertEquals(what, corner[3], point[1], 0.01);
        }
    }

    /** Maps a point of the picture turned clockwise by some degrees to the sensor's own picture. */
    private static Matrix turn(int degrees, int width, int height) {
        Matrix matrix = new Matrix();
        if (degrees == 90) {
            matrix.setValues(new float[] {0, 1, 0, -1, 0, height, 0, 0, 1});
        } else if (degrees == 180) {
            matrix.setValues(new float[] {-1, 0, width, 0, -1, height, 0, 0, 1});
        } else if (degrees == 270) {
            matrix.setValues(new float[] {0, -1, width, 1, 0, 0, 0, 0, 1});
        }
        return matrix;
    }
}
