package org.vignette.demo.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.vignette.demo.Made;
import org.vignette.demo.Noise;

class YuvTest {
    @Test
    void equalsNumpyInEveryByteInFourRotationsWithOddStrides() throws Exception {
        List<String> failed = new ArrayList<>();
        List<String[]> cases = Made.cases("yuv.txt");
        Yuv yuv = new Yuv();
        for (String[] words : cases) {
            int width = Integer.parseInt(words[0]);
            int height = Integer.parseInt(words[1]);
            int lumaRow = Integer.parseInt(words[2]);
            int chromaRow = Integer.parseInt(words[3]);
            int pixel = Integer.parseInt(words[4]);
            int rotation = Integer.parseInt(words[5]);
            int seed = Integer.parseInt(words[9]);
            int chromaSize = chromaRow * ((height + 1) / 2 - 1) + ((width + 1) / 2 - 1) * pixel + 1;
            yuv.luma.set(direct(Noise.bytes(seed, lumaRow * (height - 1) + width)), lumaRow, 1);
            yuv.blue.set(direct(Noise.bytes(seed + 1, chromaSize)), chromaRow, pixel);
            yuv.red.set(direct(Noise.bytes(seed + 2, chromaSize)), chromaRow, pixel);

            boolean sideways = rotation % 180 != 0;
            Yuv.Crop crop = Yuv.Crop.centred(sideways ? height : width, sideways ? width : height,
                    Double.parseDouble(words[6]));
            byte[] rgb = new byte[3 * crop.width * crop.height];
            yuv.toRgb(width, height, rotation, crop, rgb);
            int frameWidth = Integer.parseInt(words[7]);
            int frameHeight = Integer.parseInt(words[8]);
            byte[] frame = new byte[3 * frameWidth * frameHeight];
            new Letterbox(frameWidth, frameHeight).fit(rgb, crop.width, crop.height, frame);
            if (Made.crc32(rgb, rgb.length) != Long.parseLong(words[10])
                    || Made.crc32(frame, frame.length) != Long.parseLong(words[11])) {
                failed.add(String.join(" ", words));
            }
        }
        assertEquals(400, cases.size());
        assertEquals(List.of(), failed);
    }

    @Test
    void neutralChromaGivesGreysExactly() {
        Yuv yuv = new Yuv();
        for (int grey = 0; grey < 256; grey++) {
            yuv.luma.set(ByteBuffer.wrap(new byte[] {(byte) grey}), 1, 1);
            yuv.blue.set(ByteBuffer.wrap(new byte[] {(byte) 128}), 1, 1);
            yuv.red.set(ByteBuffer.wrap(new byte[] {(byte) 128}), 1, 1);
            byte[] rgb = new byte[3];
            yuv.toRgb(1, 1, 0, new Yuv.Crop(0, 0, 1, 1), rgb);
            assertArrayEquals(new byte[] {(byte) grey, (byte) grey, (byte) grey}, rgb);
        }
    }

    @Test
    void readsFromTheBuffersPositionAndLeavesItThere() {
        ByteBuffer buffer = direct(new byte[] {9, 8, 7});
        buffer.position(1);
        Yuv.Plane plane = new Yuv.Plane();
        plane.set(buffer, 1, 1);
        assertEquals(8, plane.at(0, 0));
        assertEquals(1, buffer.position());
    }

    private static ByteBuffer direct(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        buffer.put(bytes).rewind();
        return buffer;
    }
}
