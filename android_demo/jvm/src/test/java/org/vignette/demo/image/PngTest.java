package org.vignette.demo.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.vignette.demo.Noise;

class PngTest {
    @Test
    void anotherReaderFindsEveryPixel() throws Exception {
        int[][] sizes = {{1, 1}, {1, 7}, {7, 1}, {3, 5}, {480, 270}, {1000, 3}};
        for (int[] size : sizes) {
            byte[] rgb = Noise.bytes(size[0], 3 * size[0] * size[1]);
            BufferedImage read = ImageIO.read(new ByteArrayInputStream(Png.encode(rgb, size[0], size[1])));
            assertEquals(size[0], read.getWidth());
            assertEquals(size[1], read.getHeight());
            for (int i = 0; i < size[0] * size[1]; i++) {
                int colour = (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | rgb[3 * i + 2] & 255;
                assertEquals(colour, read.getRGB(i % size[0], i / size[0]) & 0xffffff, size[0] + "x" + size[1]);
            }
        }
    }

    @Test
    void flatPicturesArePackedSmall() {
        byte[] rgb = new byte[3 * 640 * 480];
        Arrays.fill(rgb, (byte) 77);
        assertTrue(Png.encode(rgb, 640, 480).length < 10_000);
    }
}
