package org.vignette.demo.model;

import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;

/**
 * The rules that training and phone must share, as stated in {@code contract.json}, and the golden vectors that prove
 * them. Immutable. {@link ModelFile} and {@link Classifier} check what it says about the model.
 */
public final class Contract {
    public static final String FILE = "contract.json";
    /** The newest version that this app understands. */
    static final int VERSION = 2;
    private static final String XNNPACK = "output_xnnpack";
    private static final String XNNPACK_ARM64 = "output_xnnpack_arm64";

    /** How values are encoded at the model's input or output. */
    static final class Border {
        /** uint8 with scale and zero point; otherwise float32. */
        final boolean quantized;
        /** value = scale * (byte - zeroPoint); 1 and 0 for float32. */
        final float scale;
        final int zeroPoint;

        Border(boolean quantized, float scale, int zeroPoint) {
            this.quantized = quantized;
            this.scale = scale;
            this.zeroPoint = zeroPoint;
        }
    }

    /** A picture, the frame made from it, and the model's outputs for it. */
    static final class Vector {
        final String name;
        final int width;
        final int height;
        /** RGB, row-major, 3 * width * height bytes. */
        final byte[] rgb;
        /** Of the frame's bytes, in hexadecimal. */
        final String preparedSha256;
        /** The exact bytes of the output tensor by the built-in kernels, little-endian. */
        final byte[] output;
        /** The same by XNNPACK on this processor; in version 1 those of the built-in kernels. */
        final byte[] outputXnnpack;

        Vector(String name, int width, int height, byte[] rgb, String preparedSha256, byte[] output,
                byte[] outputXnnpack) {
            this.name = name;
            this.width = width;
            this.height = height;
            this.rgb = rgb;
            this.preparedSha256 = preparedSha256;
            this.output = output;
            this.outputXnnpack = outputXnnpack;
        }

        byte[] output(Classifier.Kernels kernels) {
            return kernels.xnnpack ? outputXnnpack : output;
        }
    }

    /** Of the format. */
    public final int version;
    public final String flavour;
    public final String modelFile;
    public final String modelSha256;
    public final long modelBytes;
    public final int width;
    public final int height;
    /** Width / height of the guide. */
    public final double contentAspect;
    final Border input;
    final Border output;
    /** In output order. */
    public final List<String> labels;
    /** A probability; below it the app says "I don't know". */
    public final double threshold;
    /** In probability units, where equality cannot be demanded. */
    final double tolerance;
    /** The key of XNNPACK's outputs for this processor. */
    private final String xnnpackKey;
    final List<Vector> vectors;

    /**
     * Reads the contract.
     *
     * @throws BundleException it is not JSON, is newer than this app, or a key is missing or out of range.
     */
    static Contract read(String json) throws BundleException {
        JSONObject root;
        try {
            root = new JSONObject(json);
        } catch (JSONException e) {
            throw new BundleException(R.string.contract_unreadable, FILE, e.getMessage());
        }
        Keys keys = new Keys("", root);
        int version = keys.integer("contract_version", 1, Integer.MAX_VALUE);
        if (version > VERSION) {
            throw new BundleException(R.string.contract_newer, FILE, version, VERSION);
        }
        return new Contract(keys, version);
    }

    private Contract(Keys keys, int version) throws BundleException {
        this.version = version;
        flavour = keys.text("flavour");
        Keys model = keys.inside("model");
        modelFile = model.text("file");
        modelSha256 = model.text("sha256");
        modelBytes = model.integer("size_bytes", 1, Integer.MAX_VALUE);

        Keys in = keys.inside("input");
        width = in.integer("width", 1, 4096);
        height = in.integer("height", 1, 4096);
        in.only("colour_order", "RGB");
        in.only("value_range", "[0,255]");
        in.only("letterbox", "bilinear-antialiased-centred-black");
        contentAspect = in.real("content_aspect", 0.01, 100);
        input = border(in);
        if (input.scale != 1 || input.zeroPoint != 0) {
            throw in.unexpected("scale", input.scale + ", " + input.zeroPoint, "1, 0");
        }
        Keys camera = keys.inside("camera");
        camera.only("yuv", "bt601-full-range");
        camera.only("chroma_upsampling", "nearest");
        Keys out = keys.inside("output");
        out.only("meaning", "probabilities");
        output = border(out);

        JSONArray names = keys.list("labels");
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < names.length(); i++) {
            texts.add(names.optString(i));
        }
        labels = Collections.unmodifiableList(texts);
        threshold = keys.real("threshold", 0, 1);
        tolerance = keys.real("tolerance", 0, 1);

        JSONArray golden = keys.inside("golden").list("vectors");
        JSONObject first = golden.optJSONObject(0);
        xnnpackKey = processor().startsWith("aarch64") && first != null && first.has(XNNPACK_ARM64)
                ? XNNPACK_ARM64 : XNNPACK;
        List<Vector> all = new ArrayList<>();
        for (int i = 0; i < golden.length(); i++) {
            all.add(vector(new Keys("golden.vectors[" + i + "].", golden.optJSONObject(i))));
        }
        vectors = Collections.unmodifiableList(all);
    }

    /** A flavour as the screen names it. */
    public static String words(String flavour) {
        return flavour.replace('_', ' ');
    }

    /** Whether it is of version 1, which cannot hold XNNPACK to equal bytes. */
    public boolean weaker() {
        return version < VERSION;
    }

    /**
     * The largest difference from the golden outputs, in probability units; 0 demands equal bytes. Up to the softmax,
     * XNNPACK gives the same int8 bytes on every processor. The softmax is LiteRT's own and rounds differently on 64-bit
     * ARM; a contract without ARM's bytes allows one step there, as on 32-bit ARM. Built-in kernels differ by more, and
     * float outputs are rounded differently.
     */
    double allowed(Classifier.Kernels kernels) {
        if (!kernels.xnnpack || !output.quantized || weaker()) {
            return tolerance;
        }
        boolean arm = processor().startsWith("arm") || processor().startsWith("aarch64");
        return arm && xnnpackKey.equals(XNNPACK) ? output.scale : 0;
    }

    private static String processor() {
        return System.getProperty("os.arch", "");
    }

    /** The size of the output tensor. */
    int outputBytes() {
        return labels.size() * (output.quantized ? 1 : 4);
    }

    private static Border border(Keys keys) throws BundleException {
        String type = keys.text("dtype");
        if (type.equals("float32")) {
            return new Border(false, 1, 0);
        }
        if (!type.equals("uint8")) {
            throw keys.unexpected("dtype", type, "uint8, float32");
        }
        return new Border(true, (float) keys.real("scale", 1e-9, 1e9), keys.integer("zero_point", 0, 255));
    }

    private Vector vector(Keys keys) throws BundleException {
        int w = keys.integer("width", 1, 100_000);
        int h = keys.integer("height", 1, 100_000);
        byte[] output = bytes(keys, "output", -1);
        return new Vector(keys.text("name"), w, h, bytes(keys, "rgb", 3L * w * h), keys.text("prepared_sha256"),
                output, version == 1 ? output : bytes(keys, xnnpackKey, -1));
    }

    /** @param expected the length; negative for any. */
    private static byte[] bytes(Keys keys, String key, long expected) throws BundleException {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(keys.text(key));
        } catch (IllegalArgumentException e) {
            throw keys.unexpected(key, e.getMessage(), "base64");
        }
        if (expected >= 0 && bytes.length != expected) {
            throw keys.unexpected(key, bytes.length + " B", expected + " B");
        }
        return bytes;
    }
}
