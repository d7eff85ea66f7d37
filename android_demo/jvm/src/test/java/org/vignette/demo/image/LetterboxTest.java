package org.vignette.demo.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.vignette.demo.Made;
import org.vignette.demo.Noise;

class LetterboxTest {
    @Test
    void equalsPillowInEveryByte() throws Exception {
        List<String> failed = new ArrayList<>();
        List<String[]> cases = Made.cases("letterbox.txt");
        for (String[] words : cases) {
            int width = Integer.parseInt(words[0]);
            int height = Integer.parseInt(words[1]);
            int frameWidth = Integer.parseInt(words[2]);
            int frameHeight = Integer.parseInt(words[3]);
            byte[] picture = Noise.bytes(Integer.parseInt(words[4]), 3 * width * height);
            byte[] frame = new byte[3 * frameWidth * frameHeight];
            new Letterbox(frameWidth, frameHeight).fit(picture, width, height, frame);
            if (Made.crc32(frame, frame.length) != Long.parseLong(words[5])) {
                failed.add(String.join(" ", words));
            }
        }
        assertTrue(cases.size() >= 1000, "cases: " + cases.size());
        assertEquals(List.of(), failed);
    }

    @Test
    void fittedSizeEqualsPythonWithoutOverflow() throws Exception {
        for (String[] words : Made.cases("fitted.txt")) {
            int[] n = new int[6];
            for (int i = 0; i < n.length; i++) {
                n[i] = Integer.parseInt(words[i]);
            }
            int[] fitted = Letterbox.fittedSize(n[0], n[1], n[2], n[3]);
            assertArrayEquals(new int[] {n[4], n[5]}, fitted, String.join(" ", words));
        }
    }

    @Test
    void leavesNothingOfThePictureBefore() {
        Letterbox letterbox = new Letterbox(8, 8);
        byte[] used = new byte[192];
        letterbox.fit(Noise.bytes(1, 300), 10, 10, used);
        letterbox.fit(Noise.bytes(2, 90), 30, 1, used);
        letterbox.fit(Noise.bytes(3, 90), 1, 30, used);
        byte[] fresh = new byte[192];
        new Letterbox(8, 8).fit(Noise.bytes(3, 90), 1, 30, fresh);
        assertArrayEquals(fresh, used);
    }
}
