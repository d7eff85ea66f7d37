package org.vignette.demo;

import java.nio.ByteBuffer;

/**
 * A camera frame that the user wants to keep, with what the model answered to it: copies of its own, so that the model
 * may go on. Immutable.
 */
final class Shot {
    final Contract contract;
    /** What was inside the guide: RGB, row-major, 3 * width * height bytes. */
    final byte[] rgb;
    final int width;
    final int height;
    final Classifier.Kernels kernels;
    /** The exact bytes of the output tensor. */
    final byte[] output;
    /** One for each label. */
    final float[] probabilities;
    /** Of the bytes that went into the model. */
    final String preparedSha256;
    final double grabMs;
    final double letterboxMs;
    final double modelMs;
    /** Milliseconds since 1970. */
    final long takenAt;

    /**
     * @param frame last filled from a camera.
     * @param output what the model answered to it.
     */
    Shot(Contract contract, Frame frame, Classifier.Kernels kernels, byte[] output, double modelMs, long takenAt) {
        this.contract = contract;
        rgb = frame.inside();
        width = frame.insideWidth();
        height = frame.insideHeight();
        this.kernels = kernels;
        this.output = output.clone();
        probabilities = Classifier.probabilities(contract, output);
        preparedSha256 = ModelFile.sha256(ByteBuffer.wrap(frame.pixels));
        grabMs = frame.grabMs();
        letterboxMs = frame.letterboxMs();
        this.modelMs = modelMs;
        this.takenAt = takenAt;
    }
}
