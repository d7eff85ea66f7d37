package org.vignette.demo.camera;

import android.util.Size;

/** Which of the sizes that a camera offers are used. */
final class StreamSize {
    /** Enough for any frame of 224 pixels with some to spare, and cheap to convert: 640 × 480. */
    private static final int ANALYSIS_PIXELS = 640 * 480;
    private static final int MOST_PREVIEW_PIXELS = 1440 * 1080;

    private StreamSize() {}

    /**
     * The size nearest to 640 × 480 in pixels; of several, the one that is most like 4:3, the shape of most sensors,
     * which sees most.
     *
     * @param offered never empty: every camera has sizes for this format.
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

    /** The largest size of the same shape up to 1440 × 1080, else the analysis size itself. */
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
