package org.vignette.demo.model;

import java.nio.ByteBuffer;

/**
 * A camera frame that the user wants to keep, with the model's answer. Everything is copied, so that the model can
 * carry on. Immutable.
 */
public final class Shot {
    public final Contract contract;
    /** What was inside the guide: RGB, row-major, 3 * width * height bytes. */
    public final byte[] rgb;
    public final int width;
    public final int height;
    public final Classifier.Kernels kernels;
    /** The exact bytes of the output tensor. */
    public final byte[] output;
    /** One for each label. */
    public final float[] probabilities;
    /** Of the model's input bytes. */
    public final String preparedSha256;
    public final double grabMs;
    public final double letterboxMs;
    public final double modelMs;
    /** Milliseconds since 1970. */
    public final long takenAt;

    /**
     * @param frame last filled from a camera.
     * @param output the model's raw output for it.
     */
    public Shot(Contract contract, Frame frame, Classifier.Kernels kernels, byte[] output,
            double modelMs, long takenAt) {
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
