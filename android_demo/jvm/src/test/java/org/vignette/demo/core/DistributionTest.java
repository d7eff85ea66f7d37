package org.vignette.demo.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.jupiter.api.Test;
import org.vignette.demo.Made;
import org.vignette.demo.Noise;

class DistributionTest {
    @Test
    void percentilesEqualNumPys() throws Exception {
        int cases = 0;
        for (String[] words : Made.cases("percentiles.txt")) {
            int count = Integer.parseInt(words[0]);
            byte[] noise = Noise.bytes(Integer.parseInt(words[1]), count);
            double[] values = new double[count];
            for (int i = 0; i < count; i++) {
                values[i] = (noise[i] & 255) / 7.0;
            }
            Distribution distribution = new Distribution(values);
            double[] percents = {0, 50, 90, 99, 100};
            for (int i = 0; i < percents.length; i++) {
                assertEquals(Double.parseDouble(words[2 + i]), distribution.percentile(percents[i]), 1e-9,
                        count + " values, p" + percents[i]);
            }
            cases++;
        }
        assertTrue(cases >= 30);
    }

    @Test
    void theDocumentKeepsTheOrderOfTheRunsAndRoundsToATenThousandth() throws Exception {
        JSONObject json = new Distribution(3, 1.00004999, 2).json();
        assertEquals(2, json.getDouble("p50"));
        assertEquals(1, json.getDouble("min"));
        assertEquals(3, json.getDouble("max"));
        assertEquals(2.8, json.getDouble("p90"));
        JSONArray values = json.getJSONArray("values");
        assertEquals("[3,1,2]", values.toString());
    }

    @Test
    void ofNothingThereIsNone() {
        assertThrows(IllegalArgumentException.class, Distribution::new);
    }

    @Test
    void whatIsHandedInMayChangeAfterwards() {
        double[] values = {1, 2, 3};
        Distribution distribution = new Distribution(values);
        values[0] = 100;
        assertEquals(3, distribution.max());
    }
}
