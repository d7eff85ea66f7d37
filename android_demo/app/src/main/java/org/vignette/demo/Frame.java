package org.vignette.demo;

import android.graphics.Bitmap;
import android.media.Image;

/**
 * The model's frame and the ways to fill it, into buffers that are made once. Whatever is scored has come through
 * here. Not for use by two threads at once.
 */
final class Frame {
    final int width;
    final int height;
    /** RGB, row-major, 0 to 255, 3 * width * height bytes. */
    final byte[] pixels;

    private final double contentAspect;
    private final Letterbox letterbox;
    private final Yuv yuv = new Yuv();
    private byte[] inside = new byte[0];
    private long grabNanos;
    private long letterboxNanos;

    Frame(Contract contract) {
        width = contract.width;
        height = contract.height;
        contentAspect = contract.contentAspect;
        pixels = new byte[3 * width * height];
        letterbox = new Letterbox(width, height);
    }

    /**
     * Fills the frame with what is inside the guide of a camera picture.
     *
     * @param image {@code YUV_420_888}; stays open.
     * @param rotation clockwise degrees that make it upright: 0, 90, 180 or 270.
     */
    void fill(Image image, int rotation) {
        long start = System.nanoTime();
        Image.Plane[] planes = image.getPlanes();
        set(yuv.luma, planes[0]);
        set(yuv.blue, planes[1]);
        set(yuv.red, planes[2]);
        boolean sideways = rotation % 180 != 0;
        int uprightWidth = sideways ? image.getHeight() : image.getWidth();
        int uprightHeight = sideways ? image.getWidth() : image.getHeight();
        Crop crop = Crop.centred(uprightWidth, uprightHeight, contentAspect);
        int size = 3 * crop.width * crop.height;
        if (inside.length < size) {
            inside = new byte[size];
        }
        yuv.toRgb(image.getWidth(), image.getHeight(), rotation, crop, inside);
        long grabbed = System.nanoTime();
        letterbox.fit(inside, crop.width, crop.height, pixels);
        grabNanos = grabbed - start;
        letterboxNanos = System.nanoTime() - grabbed;
    }

    /** Fills the frame with a whole picture, e.g. a golden vector: RGB, row-major, 3 bytes a pixel. */
    void fill(byte[] rgb, int pictureWidth, int pictureHeight) {
        long start = System.nanoTime();
        letterbox.fit(rgb, pictureWidth, pictureHeight, pixels);
        grabNanos = 0;
        letterboxNanos = System.nanoTime() - start;
    }

    /** Fills the frame with a shared picture; decoding counts as grabbing. */
    void fill(Picture picture) {
        long start = System.nanoTime();
        letterbox.fit(picture.width, picture.height, picture, pixels);
        grabNanos = picture.decodeNanos;
        letterboxNanos = System.nanoTime() - start;
    }

    /** The frame as a picture for the screen. */
    Bitmap bitmap() {
        int[] colours = new int[width * height];
        for (int i = 0, next = 0; i < colours.length; i++) {
            int red = pixels[next++] & 255;
            int green = pixels[next++] & 255;
            colours[i] = 0xff << 24 | red << 16 | green << 8 | pixels[next++] & 255;
        }
        return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888);
    }

    /** What the last filling cost: pixels as RGB, then the letterbox. In milliseconds. */
    double grabMs() {
        return grabNanos / 1e6;
    }

    double letterboxMs() {
        return letterboxNanos / 1e6;
    }

    private static void set(Yuv.Plane plane, Image.Plane source) {
        plane.set(source.getBuffer(), source.getRowStride(), source.getPixelStride());
    }
}
