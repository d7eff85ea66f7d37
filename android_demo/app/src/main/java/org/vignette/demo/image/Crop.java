package org.vignette.demo.image;

/** A rectangle of an upright camera picture, in pixels. Immutable. */
public final class Crop {
    public final int left;
    public final int top;
    public final int width;
    public final int height;

    Crop(int left, int top, int width, int height) {
        this.left = left;
        this.top = top;
        this.width = width;
        this.height = height;
    }

    /**
     * The largest centred rectangle with a given aspect ratio.
     *
     * @param width of the upright picture, in pixels.
     * @param height of the upright picture, in pixels.
     * @param aspect width / height of the rectangle; halves of a pixel are rounded up.
     */
    public static Crop centred(int width, int height, double aspect) {
        int cropWidth = width;
        int cropHeight = height;
        if (width >= aspect * height) {
            cropWidth = clamp(Math.floor(aspect * height + 0.5), width);
        } else {
            cropHeight = clamp(Math.floor(width / aspect + 0.5), height);
        }
        return new Crop((width - cropWidth) / 2, (height - cropHeight) / 2, cropWidth, cropHeight);
    }

    private static int clamp(double value, int most) {
        return (int) Math.max(1, Math.min(value, most));
    }
}
