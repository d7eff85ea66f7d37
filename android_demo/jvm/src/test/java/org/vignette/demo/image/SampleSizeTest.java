package org.vignette.demo.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** By how much large pictures are shrunk while they are decoded. */
class SampleSizeTest {
    @Test
    void hugePicturesAreDecodedSmaller() {
        assertEquals(1, Picture.sampleSize(4000, 4000));
        assertEquals(2, Picture.sampleSize(8160, 6120));
        assertEquals(4, Picture.sampleSize(16320, 12240));
        assertEquals(1, Picture.sampleSize(1, 16_000_000));
    }
}
