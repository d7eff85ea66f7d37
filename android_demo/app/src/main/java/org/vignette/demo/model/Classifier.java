package org.vignette.demo.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import org.tensorflow.lite.DataType;
import org.tensorflow.lite.Interpreter;
import org.tensorflow.lite.Tensor;
import org.tensorflow.lite.TensorFlowLite;
import org.vignette.demo.R;

/**
 * The only owner of the interpreter: a frame's bytes in, the output tensor's bytes out, through buffers allocated once.
 * Not thread-safe.
 */
public final class Classifier implements AutoCloseable {
    /** Which implementation computes, and its default number of threads. */
    public enum Kernels {
        /** The ones without a delegate, whose results depend on the processor. */
        BUILT_IN("built-in", false, 1),
        /** The ones used for the camera. */
        XNNPACK("XNNPACK", true, 2);

        /** The name in files and intents. */
        public final String id;
        public final boolean xnnpack;
        public final int numThreads;

        Kernels(String id, boolean xnnpack, int numThreads) {
            this.id = id;
            this.xnnpack = xnnpack;
            this.numThreads = numThreads;
        }
    }

    private final Contract contract;
    private final Interpreter interpreter;
    private final ByteBuffer input;
    private final ByteBuffer output;
    private final byte[] outputBytes;

    /**
     * Loads a model and checks it against its contract.
     *
     * @throws BundleException the runtime rejects the model, or its tensors do not match the contract.
     */
    public Classifier(ModelFile model, Kernels kernels) throws BundleException {
        this(model, kernels, kernels.numThreads);
    }

    /** As above, with a given number of threads. */
    public Classifier(ModelFile model, Kernels kernels, int numThreads) throws BundleException {
        contract = model.contract;
        interpreter = load(model, kernels, numThreads);
        try {
            check();
        } catch (BundleException e) {
            interpreter.close();
            throw e;
        }
        input = buffer(interpreter.getInputTensor(0).numBytes());
        output = buffer(interpreter.getOutputTensor(0).numBytes());
        outputBytes = new byte[output.capacity()];
    }

    /**
     * Runs the model.
     *
     * @param pixels RGB, row-major, 0 to 255, as {@link Frame} holds them.
     * @return the exact bytes of the output tensor, in native order (little-endian on every phone); the next
     *     call overwrites them.
     */
    public byte[] run(byte[] pixels) {
        input.clear();
        if (contract.input.quantized) {
            input.put(pixels);
        } else {
            for (byte value : pixels) {
                input.putFloat(value & 255);
            }
        }
        input.rewind();
        output.clear();
        interpreter.run(input, output);
        output.rewind();
        output.get(outputBytes);
        return outputBytes;
    }

    /**
     * Output bytes as probabilities.
     *
     * @return one for each label, 0 to 1.
     */
    public static float[] probabilities(Contract contract, byte[] output) {
        float[] values = new float[contract.labels.size()];
        if (contract.output.quantized) {
            for (int i = 0; i < values.length; i++) {
                values[i] = contract.output.scale * ((output[i] & 255) - contract.output.zeroPoint);
            }
        } else {
            ByteBuffer.wrap(output).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        }
        return values;
    }

    @Override
    public void close() {
        interpreter.close();
    }

    private static Interpreter load(ModelFile model, Kernels kernels, int numThreads)
            throws BundleException {
        Interpreter.Options options = new Interpreter.Options()
                .setNumThreads(numThreads)
                .setUseXNNPACK(kernels.xnnpack);
        try {
            return new Interpreter(model.bytes, options);
        } catch (UnsatisfiedLinkError e) {
            throw new BundleException(R.string.runtime_missing, e.getMessage());
        } catch (IllegalArgumentException | IllegalStateException e) {
            // An operator version newer than the runtime's ends up here; the runtime's message names it.
            throw new BundleException(
                    R.string.model_refused, model.contract.modelFile, TensorFlowLite.runtimeVersion(), e.getMessage());
        }
    }

    private void check() throws BundleException {
        int inputs = interpreter.getInputTensorCount();
        int outputs = interpreter.getOutputTensorCount();
        if (inputs != 1 || outputs != 1) {
            throw new BundleException(R.string.model_tensors, contract.modelFile, inputs, outputs);
        }
        int[] frame = {1, contract.height, contract.width, 3};
        String wanted = describe(type(contract.input), frame, contract.input.scale, contract.input.zeroPoint);
        String found = describe(interpreter.getInputTensor(0));
        if (!wanted.equals(found)) {
            throw new BundleException(R.string.input_differs, Contract.FILE, wanted, contract.modelFile, found);
        }
        int[] shape = interpreter.getOutputTensor(0).shape();
        int classes = shape[shape.length - 1];
        if (classes != contract.labels.size()) {
            throw new BundleException(
                    R.string.labels_differ, Contract.FILE, contract.labels.size(), contract.modelFile, classes);
        }
        int[] row = {1, classes};
        wanted = describe(type(contract.output), row, contract.output.scale, contract.output.zeroPoint);
        found = describe(interpreter.getOutputTensor(0));
        if (!wanted.equals(found)) {
            throw new BundleException(R.string.output_differs, Contract.FILE, wanted, contract.modelFile, found);
        }
        for (Contract.Vector vector : contract.vectors) {
            for (Kernels kernels : Kernels.values()) {
                int length = vector.output(kernels).length;
                if (length != contract.outputBytes()) {
                    throw new BundleException(R.string.contract_value_wrong, Contract.FILE,
                            vector.name + ", " + kernels.id, contract.outputBytes() + " B", length + " B");
                }
            }
        }
    }

    private static DataType type(Contract.Border border) {
        return border.quantized ? DataType.UINT8 : DataType.FLOAT32;
    }

    private static String describe(Tensor tensor) {
        return describe(tensor.dataType(), tensor.shape(), tensor.quantizationParams().getScale(),
                tensor.quantizationParams().getZeroPoint());
    }

    private static String describe(DataType type, int[] shape, float scale, int zeroPoint) {
        String words = type.name().toLowerCase(Locale.ROOT) + " " + Arrays.toString(shape);
        return type == DataType.FLOAT32 ? words : words + " × " + scale + " − " + zeroPoint;
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
    }
}
