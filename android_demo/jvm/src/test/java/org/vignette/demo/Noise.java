package org.vignette.demo;

/** The inputs of the golden cases, computed from a seed by the same rule as in cases.py. */
public final class Noise {
    private Noise() {}

    public static byte[] bytes(int seed, int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            int x = i * 0x9E3779B1 + seed;
            x ^= x >>> 16;
            x *= 0x85EBCA6B;
            x ^= x >>> 13;
            x *= 0xC2B2AE35;
            x ^= x >>> 16;
            bytes[i] = (byte) (x >>> 24);
        }
        return bytes;
    }
}
