package org.vignette.demo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.vignette.demo.Made;

class AnswerTest {
    private static Answer answer(Contract contract, int... bytes) {
        byte[] output = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            output[i] = (byte) bytes[i];
        }
        return new Answer(contract, Classifier.probabilities(contract, output), 3, 1, 2, 3);
    }

    @Test
    void tiesGoToTheLowerIndex() {
        assertArrayEquals(new int[] {1, 3, 0}, Answer.ranked(new float[] {0.1f, 0.4f, 0.1f, 0.4f}, 3));
    }

    @Test
    void fewerClassesThanRowsAreAllShown() {
        assertArrayEquals(new int[] {1, 0}, Answer.ranked(new float[] {0.2f, 0.8f}, 3));
    }

    @Test
    void exactlyTheThresholdIsKnownAndOneStepBelowIsNot() throws Exception {
        Contract contract = Contract.read(Made.bundle("int8").contract());
        assertEquals(110 / 256.0, contract.threshold);
        assertTrue(answer(contract, 110, 50, 50, 46).known);
        assertFalse(answer(contract, 109, 50, 50, 47).known);
    }

    @Test
    void namesTheBestLabelsWithTheirProbabilities() throws Exception {
        Answer answer = answer(Contract.read(Made.bundle("int8").contract()), 0, 192, 64, 0);
        assertEquals("kettle", answer.best.get(0).label);
        assertEquals(0.75f, answer.best.get(0).probability);
        assertEquals("window", answer.best.get(1).label);
        assertEquals("bicycle", answer.best.get(2).label);
    }
}
