package org.vignette.demo.model;

import android.graphics.Bitmap;
import android.media.Image;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.vignette.demo.image.DrawnPicture;
import org.vignette.demo.image.Letterbox;
import org.vignette.demo.image.Picture;
import org.vignette.demo.image.Yuv;

/**
 * The model's input frame and the ways to fill it, in buffers allocated once. Everything the model classifies passes
 * through here. Not thread-safe.
 */
public final class Frame {
    final int width;
    final int height;
    /** RGB, row-major, 0 to 255, 3 * width * height bytes. */
    public final byte[] pixels;

    private final double contentAspect;
    private final Letterbox letterbox;
    private final Yuv yuv = new Yuv();
    private byte[] inside = new byte[0];
    private int insideWidth;
    private int insideHeight;
    private long grabNanos;
    private long letterboxNanos;

    public Frame(Contract contract) {
        width = contract.width;
        height = contract.height;
        contentAspect = contract.contentAspect;
        pixels = new byte[3 * width * height];
        letterbox = new Letterbox(width, height);
    }

    /**
     * Fills the frame with the part of a camera picture that is inside the guide.
     *
     * @param image {@code YUV_420_888}; not closed.
     * @param rotation clockwise degrees that make it upright: 0, 90, 180 or 270.
     */
    public void fill(Image image, int rotation) {
        long start = System.nanoTime();
        Image.Plane[] planes = image.getPlanes();
        set(yuv.luma, planes[0]);
        set(yuv.blue, planes[1]);
        set(yuv.red, planes[2]);
        fill(start, image.getWidth(), image.getHeight(), rotation);
    }

    /** Fills the frame as if from a camera, for benchmarks. */
    public void fill(DrawnPicture picture) {
        long start = System.nanoTime();
        picture.copyTo(yuv);
        fill(start, DrawnPicture.WIDTH, DrawnPicture.HEIGHT, DrawnPicture.ROTATION);
    }

    private void fill(long start, int pictureWidth, int pictureHeight, int rotation) {
        boolean sideways = rotation % 180 != 0;
        int uprightWidth = sideways ? pictureHeight : pictureWidth;
        int uprightHeight = sideways ? pictureWidth : pictureHeight;
        Yuv.Crop crop = Yuv.Crop.centred(uprightWidth, uprightHeight, contentAspect);
        insideWidth = crop.width;
        insideHeight = crop.height;
        int size = 3 * crop.width * crop.height;
        if (inside.length < size) {
            inside = new byte[size];
        }
        yuv.toRgb(pictureWidth, pictureHeight, rotation, crop, inside);
        long grabbed = System.nanoTime();
        letterbox.fit(inside, crop.width, crop.height, pixels);
        grabNanos = grabbed - start;
        letterboxNanos = System.nanoTime() - grabbed;
    }

    /** A copy of what was inside the guide when the frame was last filled from a camera: RGB, row-major. */
    public byte[] inside() {
        return Arrays.copyOf(inside, 3 * insideWidth * insideHeight);
    }

    /** In camera pixels. */
    public int insideWidth() {
        return insideWidth;
    }

    int insideHeight() {
        return insideHeight;
    }

    /** Fills the frame with a whole picture, e.g. a golden vector: RGB, row-major, 3 bytes a pixel. */
    public void fill(byte[] rgb, int pictureWidth, int pictureHeight) {
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
    public Bitmap bitmap() {
        return bitmap(pixels, width, height);
    }

    /** RGB, row-major, as a picture for the screen. */
    public static Bitmap bitmap(byte[] rgb, int width, int height) {
        int[] colours = new int[width * height];
        for (int i = 0, next = 0; i < colours.length; i++) {
            int red = rgb[next++] & 255;
            int green = rgb[next++] & 255;
            colours[i] = 0xff << 24 | red << 16 | green << 8 | rgb[next++] & 255;
        }
        return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888);
    }

    /** How long the last fill took to get the pixels as RGB, in milliseconds. */
    public double grabMs() {
        return grabNanos / 1e6;
    }

    public double letterboxMs() {
        return letterboxNanos / 1e6;
    }

    private static void set(Yuv.Plane plane, Image.Plane source) {
        plane.set(source.getBuffer(), source.getRowStride(), source.getPixelStride());
    }

    /**
     * A camera frame that the user wants to keep, with the model's answer. Everything is copied, so that the model can
     * carry on. Immutable.
     */
    public static final class Shot {
        public final Contract contract;
        /** What was inside the guide: RGB, row-major, 3 * width * height bytes. */
        public final byte[] rgb;
        public final int width;
        public final int height;
        public final Classifier.Kernels kernels;
        /** The exact bytes of the output tensor. */
        public final byte[] output;
        /** One for each label. */
        public final float[] probabilities;
        /** Of the model's input bytes. */
        public final String preparedSha256;
        public final double grabMs;
        public final double letterboxMs;
        public final double modelMs;
        /** Milliseconds since 1970. */
        public final long takenAt;

        /**
         * @param frame last filled from a camera.
         * @param output the model's raw output for it.
         */
        public Shot(Contract contract, Frame frame, Classifier.Kernels kernels, byte[] output,
                double modelMs, long takenAt) {
            this.contract = contract;
            rgb = frame.inside();
            width = frame.insideWidth();
            height = frame.insideHeight();
            this.kernels = kernels;
            this.output = output.clone();
            probabilities = Classifier.probabilities(contract, output);
            preparedSha256 = ModelFile.sha256(ByteBuffer.wrap(frame.pixels));
            grabMs = frame.grabMs();
            letterboxMs = frame.letterboxMs();
            this.modelMs = modelMs;
            this.takenAt = takenAt;
        }
    }
}
