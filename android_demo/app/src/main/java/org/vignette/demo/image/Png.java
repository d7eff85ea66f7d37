package org.vignette.demo.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * RGB as a PNG (ISO/IEC 15948): 8 bits a sample, and nothing but the pixels. Android's own encoder adds a colour
 * profile, which a reader might apply, changing pixels.
 */
public final class Png {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    /** Each byte minus the one above it, which compresses pictures well. */
    private static final byte UP = 2;

    private Png() {}

    /**
     * Encodes a picture.
     *
     * @param rgb RGB, row-major, 3 * width * height bytes.
     */
    public static byte[] encode(byte[] rgb, int width, int height) {
        ByteArrayOutputStream file = new ByteArrayOutputStream(rgb.length / 2 + 100);
        file.write(SIGNATURE, 0, SIGNATURE.length);
        byte[] header = ByteBuffer.allocate(13).putInt(width).putInt(height)
                .put((byte) 8).put((byte) 2).put((byte) 0).put((byte) 0).put((byte) 0).array();
        chunk(file, "IHDR", header, header.length);
        byte[] packed = new byte[rgb.length + rgb.length / 100 + height + 1000];
        chunk(file, "IDAT", packed, deflate(filter(rgb, 3 * width, height), packed));
        chunk(file, "IEND", new byte[0], 0);
        return file.toByteArray();
    }

    private static byte[] filter(byte[] rgb, int rowBytes, int height) {
        byte[] filtered = new byte[(rowBytes + 1) * height];
        int to = 0;
        for (int i = 0; i < rgb.length; i++) {
            if (i % rowBytes == 0) {
                filtered[to++] = UP;
            }
            filtered[to++] = (byte) (rgb[i] - (i < rowBytes ? 0 : rgb[i - rowBytes]));
        }
        return filtered;
    }

    /** @return how many bytes of {@code into} are filled; which has room even for incompressible data. */
    private static int deflate(byte[] bytes, byte[] into) {
        // The fastest level: photos may be taken in quick succession.
        Deflater deflater = new Deflater(Deflater.BEST_SPEED);
        try {
            deflater.setInput(bytes);
            deflater.finish();
            int size = 0;
            while (!deflater.finished()) {
                size += deflater.deflate(into, size, into.length - size);
            }
            return size;
        } finally {
            deflater.end();
        }
    }

    private static void chunk(ByteArrayOutputStream file, String type, byte[] bytes, int size) {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 sum = new CRC32();
        sum.update(name, 0, name.length);
        sum.update(bytes, 0, size);
        number(file, size);
        file.write(name, 0, name.length);
        file.write(bytes, 0, size);
        number(file, (int) sum.getValue());
    }

    private static void number(ByteArrayOutputStream file, int value) {
        file.write(ByteBuffer.allocate(4).putInt(value).array(), 0, 4);
    }
}
