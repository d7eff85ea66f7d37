package org.vignette.demo.image;

import java.util.Arrays;

/**
 * Fits a picture into the model's frame: the only place that knows the geometry.
 *
 * <p>Byte for byte equal to Pillow's {@code Image.resize(..., BILINEAR)} pasted onto black: an antialiased triangle
 * filter, first across, then down, rounded to 8 bits between the passes, coefficients in 22-bit fixed point. Tables
 * and buffers are reused for consecutive pictures of the same size. Not thread-safe.
 */
public final class Letterbox {
    /** Delivers a picture row by row, so that a large picture is never in memory twice. */
    interface Rows {
        /**
         * Reads one row of the upright picture.
         *
         * @param y from the top.
         * @param rgb filled with RGB, 3 bytes a pixel.
         */
        void read(int y, byte[] rgb);
    }

    private static final int BITS = 32 - 8 - 2;
    private static final int HALF = 1 << (BITS - 1);

    private final int width;
    private final int height;
    private int pictureWidth;
    private int pictureHeight;
    private int fittedWidth;
    private int fittedHeight;
    private Filter across;
    private Filter down;
    private byte[] row;
    /** All rows of the picture after the first pass. */
    private byte[] between;
    private int[] sums;

    /**
     * @param width of the frame, in pixels.
     * @param height of the frame, in pixels.
     */
    public Letterbox(int width, int height) {
        this.width = width;
        this.height = height;
    }

    /**
     * The largest size with the picture's aspect ratio that fits into a frame; halves are rounded up in integer
     * arithmetic, so that every language gets the same result.
     *
     * @return width and height, in pixels, each at least 1.
     */
    static int[] fittedSize(int pictureWidth, int pictureHeight, int frameWidth, int frameHeight) {
        long w = pictureWidth;
        long h = pictureHeight;
        if (w * frameHeight >= h * frameWidth) {
            return new int[] {frameWidth, (int) Math.max(1, (2 * h * frameWidth + w) / (2 * w))};
        }
        return new int[] {(int) Math.max(1, (2 * w * frameHeight + h) / (2 * h)), frameHeight};
    }

    /**
     * Fits a picture held in memory.
     *
     * @param rgb RGB, row-major, at least 3 * pictureWidth * pictureHeight bytes.
     * @param frame filled with RGB, row-major, 3 * width * height bytes; the bars are black.
     */
    public void fit(byte[] rgb, int pictureWidth, int pictureHeight, byte[] frame) {
        int bytes = 3 * pictureWidth;
        fit(pictureWidth, pictureHeight, (y, into) -> System.arraycopy(rgb, y * bytes, into, 0, bytes), frame);
    }

    /**
     * Fits a picture that is read row by row, each row once, from the top.
     *
     * @param frame filled with RGB, row-major, 3 * width * height bytes; the bars are black.
     */
    public void fit(int pictureWidth, int pictureHeight, Rows rows, byte[] frame) {
        prepare(pictureWidth, pictureHeight);
        for (int y = 0; y < pictureHeight; y++) {
            rows.read(y, row);
            across(row, between, y * 3 * fittedWidth);
        }
        Arrays.fill(frame, (byte) 0);
        int left = (width - fittedWidth) / 2;
        int top = (height - fittedHeight) / 2;
        for (int y = 0; y < fittedHeight; y++) {
            down(y, frame, 3 * ((top + y) * width + left));
        }
    }

    private void prepare(int w, int h) {
        if (w == pictureWidth && h == pictureHeight) {
            return;
        }
        int[] fitted = fittedSize(w, h, width, height);
        fittedWidth = fitted[0];
        fittedHeight = fitted[1];
        // Pillow skips a pass that would change nothing, and thus does not round there.
        across = fittedWidth == w ? null : new Filter(w, fittedWidth);
        down = fittedHeight == h ? null : new Filter(h, fittedHeight);
        row = new byte[3 * w];
        sums = new int[3 * fittedWidth];
        between = new byte[sums.length * h];
        pictureWidth = w;
        pictureHeight = h;
    }

    private void across(byte[] from, byte[] to, int into) {
        if (across == null) {
            System.arraycopy(from, 0, to, into, 3 * fittedWidth);
            return;
        }
        int next = into;
        for (int x = 0; x < fittedWidth; x++) {
            int red = HALF;
            int green = HALF;
            int blue = HALF;
            int pixel = 3 * across.first[x];
            int tap = x * across.taps;
            for (int end = tap + across.count[x]; tap < end; tap++, pixel += 3) {
                int weight = across.weights[tap];
                red += (from[pixel] & 255) * weight;
                green += (from[pixel + 1] & 255) * weight;
                blue += (from[pixel + 2] & 255) * weight;
            }
            to[next++] = clip(red);
            to[next++] = clip(green);
            to[next++] = clip(blue);
        }
    }

    private void down(int y, byte[] to, int into) {
        int bytes = sums.length;
        if (down == null) {
            System.arraycopy(between, y * bytes, to, into, bytes);
            return;
        }
        Arrays.fill(sums, HALF);
        for (int i = 0; i < down.count[y]; i++) {
            int weight = down.weights[y * down.taps + i];
            int from = (down.first[y] + i) * bytes;
            for (int x = 0; x < bytes; x++) {
                sums[x] += (between[from + x] & 255) * weight;
            }
        }
        for (int x = 0; x < bytes; x++) {
            to[into + x] = clip(sums[x]);
        }
    }

    private static byte clip(int sum) {
        int value = sum >> BITS;
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }

    /** For one direction: which inputs contribute to each output, and their weights. */
    private static final class Filter {
        final int taps;
        final int[] first;
        final int[] count;
        final int[] weights;

        Filter(int in, int out) {
            double scale = (double) in / out;
            double support = Math.max(scale, 1.0);
            taps = (int) Math.ceil(support) * 2 + 1;
            first = new int[out];
            count = new int[out];
            weights = new int[out * taps];
            double[] exact = new double[taps];
            // Pillow multiplies by the reciprocal; dividing would round differently.
            double shrink = 1.0 / support;
            for (int x = 0; x < out; x++) {
                double centre = (x + 0.5) * scale;
                first[x] = Math.max(0, (int) (centre - support + 0.5));
                count[x] = Math.min(in, (int) (centre + support + 0.5)) - first[x];
                double sum = 0;
                for (int i = 0; i < count[x]; i++) {
                    exact[i] = Math.max(0.0, 1.0 - Math.abs((i + first[x] - centre + 0.5) * shrink));
                    sum += exact[i];
                }
                for (int i = 0; i < count[x]; i++) {
                    double weight = sum == 0 ? exact[i] : exact[i] / sum;
                    weights[x * taps + i] = (int) (0.5 + weight * (1 << BITS));
                }
            }
        }
    }
}
