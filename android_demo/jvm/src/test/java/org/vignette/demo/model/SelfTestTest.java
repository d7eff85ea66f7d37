package org.vignette.demo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SelfTestTest {
    @Test
    void theLargestDifferenceIsOverAllOutputs() {
        assertEquals(0.25, SelfTest.difference(new float[] {0.5f, 0.5f}, new float[] {0.75f, 0.5f}));
        assertEquals(0.5, SelfTest.difference(new float[] {0.5f, 1}, new float[] {0.5f, 0.5f}));
    }

    @Test
    void notANumberIsNotLost() {
        float nan = Float.NaN;
        assertTrue(Double.isNaN(SelfTest.difference(new float[] {0.5f, 0.5f}, new float[] {nan, 0.5f})));
        assertTrue(Double.isNaN(SelfTest.difference(new float[] {0.5f, 0.5f}, new float[] {0.5f, nan})));
    }

    @Test
    void theTopAnswerIsComparedOnlyAboveTwiceTheTolerance() {
        float[] swapped = {0.25f, 0.5f};
        assertTrue(SelfTest.topChanged(new float[] {0.5f, 0.25f}, swapped, 0.1));
        assertFalse(SelfTest.topChanged(new float[] {0.5f, 0.25f}, swapped, 0.125));
        assertFalse(SelfTest.topChanged(new float[] {0.25f, 0.5f}, swapped, 0.1));
    }
}
