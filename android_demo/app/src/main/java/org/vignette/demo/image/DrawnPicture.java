package org.vignette.demo.image;

import java.nio.ByteBuffer;

/**
 * A synthetic picture laid out like those of most phone cameras: {@code YUV_420_888}, 640 × 480, from a sensor mounted
 * sideways, with padded rows and U and V interleaved in one buffer. Benchmarks use it in place of a camera. Immutable.
 */
public final class DrawnPicture {
    public static final int WIDTH = 640;
    public static final int HEIGHT = 480;
    /** Clockwise degrees that make it upright. */
    public static final int ROTATION = 90;

    private static final int ROW = WIDTH + 32;

    private final ByteBuffer luma = ByteBuffer.allocateDirect(ROW * (HEIGHT - 1) + WIDTH);
    private final ByteBuffer blue;
    private final ByteBuffer red;

    public DrawnPicture() {
        for (int i = 0; i < luma.capacity(); i++) {
            luma.put(i, (byte) shade(i % ROW, i / ROW, 7));
        }
        // V comes first and U one byte later, both in the same buffer.
        ByteBuffer chroma = ByteBuffer.allocateDirect(ROW * (HEIGHT / 2 - 1) + WIDTH);
        for (int i = 0; i < chroma.capacity(); i++) {
            chroma.put(i, (byte) (96 + shade(i % ROW, i / ROW, 11 + i % 2) / 4));
        }
        chroma.limit(chroma.capacity() - 1);
        red = chroma.slice();
        chroma.limit(chroma.capacity()).position(1);
        blue = chroma.slice();
    }

    /** Copies the planes as from a camera picture. */
    public void copyTo(Yuv yuv) {
        yuv.luma.set(luma, ROW, 1);
        yuv.blue.set(blue, ROW, 2);
        yuv.red.set(red, ROW, 2);
    }

    /** Waves with some grain: neither flat nor noise. */
    private static int shade(int x, int y, int seed) {
        int wave = (int) (64 * Math.sin((x * seed + y * 5) / 160.0) + 64 * Math.cos((y * seed - x * 3) / 200.0));
        return Math.max(0, Math.min(255, 128 + wave + (x * 31 + y * 17) % 13));
    }
}
