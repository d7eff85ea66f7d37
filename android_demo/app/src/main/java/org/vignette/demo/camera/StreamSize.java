package org.vignette.demo.camera;

import android.util.Size;

/** Chooses among the sizes that a camera offers. */
final class StreamSize {
    /** More than enough for a frame of 224 pixels, and cheap to convert: 640 × 480. */
    private static final int ANALYSIS_PIXELS = 640 * 480;
    private static final int MOST_PREVIEW_PIXELS = 1440 * 1080;

    private StreamSize() {}

    /**
     * The size nearest to 640 × 480 in pixels and to 4:3 in shape: most sensors are 4:3, so that crops the least.
     *
     * @param offered never empty, since every camera has sizes for this format.
     */
    static Size analysis(Size[] offered) {
        Size best = null;
        for (Size size : offered) {
            if (best == null || distance(size) < distance(best)) {
                best = size;
            }
        }
        return best;
    }

    /** The largest size of the same shape up to 1440 × 1080, or else the analysis size itself. */
    static Size preview(Size[] offered, Size analysis) {
        Size best = analysis;
        for (Size size : offered) {
            boolean sameShape = (long) size.getWidth() * analysis.getHeight()
                    == (long) size.getHeight() * analysis.getWidth();
            if (sameShape && pixels(size) <= MOST_PREVIEW_PIXELS && pixels(size) > pixels(best)) {
                best = size;
            }
        }
        return best;
    }

    private static double distance(Size size) {
        double shape = Math.abs(Math.log(3.0 * size.getWidth() / (4.0 * size.getHeight())));
        return Math.abs(Math.log((double) pixels(size) / ANALYSIS_PIXELS)) + shape;
    }

    private static int pixels(Size size) {
        return size.getWidth() * size.getHeight();
    }
}
