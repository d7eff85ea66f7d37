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
    void theDocumentRoundsToATenThousandth() throws Exception {
        JSONObject json = new Distribution(3, 1.00004999, 2).json();
        assertEquals(2, json.getDouble("p50"));
        assertEquals(1, json.getDouble("min"));
        assertEquals(3, json.getDouble("max"));
        assertEquals(2.8, json.getDouble("p90"));
        assertEquals("[1,3]", json.getJSONArray("p50_interval").toString());
    }

    /** The ranks are those of the table by Campbell and Gardner, BMJ 296 (1988), 1454, and of the binomial. */
    @Test
    void theIntervalOfTheMedianIsThatOfThePublishedRanks() throws Exception {
        int[][] ranks = {{1, 1, 1}, {5, 1, 5}, {6, 1, 6}, {10, 2, 9}, {20, 6, 15}, {50, 18, 33}, {100, 40, 61}};
        for (int[] rank : ranks) {
            double[] values = new double[rank[0]];
            for (int i = 0; i < values.length; i++) {
                // In no order.
                values[i] = 1 + i * 7 % rank[0];
            }
            Distribution distribution = new Distribution(values);
            JSONArray interval = distribution.json().getJSONArray("p50_interval");
            assertEquals(rank[1], interval.getDouble(0), rank[0] + " values");
            assertEquals(rank[2], interval.getDouble(1), rank[0] + " values");
            assertEquals((rank[2] - rank[1]) / distribution.percentile(50), distribution.precision(), 1e-12);
        }
        assertEquals(0, new Distribution(0, 0, 0).precision());
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
