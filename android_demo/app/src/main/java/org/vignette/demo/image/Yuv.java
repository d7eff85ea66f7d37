package org.vignette.demo.image;

import java.nio.ByteBuffer;

/**
 * Converts a {@code YUV_420_888} camera picture to upright RGB: full-range BT.601 in 16-bit fixed point, nearest chroma
 * sample. Planes are copied in one go, because reading a direct buffer byte by byte is slow. Not thread-safe.
 */
public final class Yuv {
    /** One plane as Android delivers it: rows may be padded, but the last one ends with its last sample. */
    public static final class Plane {
        private byte[] bytes = new byte[0];
        private int rowStride;
        private int pixelStride;

        /**
         * Copies a plane without changing the buffer's position.
         *
         * @param rowStride bytes from one row to the next.
         * @param pixelStride bytes from one sample to the next: 1, or 2 if U and V are interleaved.
         */
        public void set(ByteBuffer source, int rowStride, int pixelStride) {
            ByteBuffer view = source.duplicate();
            int size = view.remaining();
            if (bytes.length < size) {
                bytes = new byte[size];
            }
            view.get(bytes, 0, size);
            this.rowStride = rowStride;
            this.pixelStride = pixelStride;
        }

        int at(int x, int y) {
            return bytes[y * rowStride + x * pixelStride] & 255;
        }
    }

    /** A rectangle of an upright camera picture, in pixels. Immutable. */
    public static final class Crop {
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

    public final Plane luma = new Plane();
    public final Plane blue = new Plane();
    public final Plane red = new Plane();

    /**
     * Turns the picture upright and converts the part inside the crop.
     *
     * @param width of the picture as the sensor delivers it, in pixels.
     * @param height of the same, in pixels.
     * @param rotation clockwise degrees that make it upright: 0, 90, 180 or 270.
     * @param crop in the upright picture.
     * @param rgb filled with RGB, row-major, 3 * crop.width * crop.height bytes.
     */
    public void toRgb(int width, int height, int rotation, Crop crop, byte[] rgb) {
        int next = 0;
        for (int row = 0; row < crop.height; row++) {
            int uprightY = crop.top + row;
            for (int column = 0; column < crop.width; column++) {
                int uprightX = crop.left + column;
                int x;
                int y;
                if (rotation == 0) {
                    x = uprightX;
                    y = uprightY;
                } else if (rotation == 90) {
                    x = uprightY;
                    y = height - 1 - uprightX;
                } else if (rotation == 180) {
                    x = width - 1 - uprightX;
                    y = height - 1 - uprightY;
                } else {
                    x = width - 1 - uprightY;
                    y = uprightX;
                }
                int base = (luma.at(x, y) << 16) + 32768;
                int u = blue.at(x / 2, y / 2) - 128;
                int v = red.at(x / 2, y / 2) - 128;
                rgb[next++] = clip(base + 91881 * v);
                rgb[next++] = clip(base - 22554 * u - 46802 * v);
                rgb[next++] = clip(base + 116130 * u);
            }
        }
    }

    private static byte clip(int fixed) {
        int value = fixed >> 16;
        return (byte) (value < 0 ? 0 : Math.min(value, 255));
    }
}
