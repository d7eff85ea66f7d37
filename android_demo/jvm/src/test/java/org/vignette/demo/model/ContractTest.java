package org.vignette.demo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.json.JSONObject;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.vignette.demo.Made;
import org.vignette.demo.R;

class ContractTest {
    private static String text() throws Exception {
        return Made.bundle("int8").contract();
    }

    private static int refusal(String json) {
        return assertThrows(BundleException.class, () -> Contract.read(json)).text;
    }

    /** The contract with one value replaced, or taken away where it is null. */
    private static String with(String path, Object value) throws Exception {
        JSONObject root = new JSONObject(text());
        JSONObject inner = root;
        String[] keys = path.split("\\.");
        for (int i = 0; i < keys.length - 1; i++) {
            inner = inner.getJSONObject(keys[i]);
        }
        inner.put(keys[keys.length - 1], value);
        return root.toString();
    }

    @Test
    void readsEveryFlavour() throws Exception {
        for (String flavour : List.of("int8", "float32", "float16", "dynamic_range")) {
            Contract contract = Contract.read(Made.bundle(flavour).contract());
            assertEquals(flavour, contract.flavour);
            assertEquals("model_" + flavour + ".tflite", contract.modelFile);
            assertEquals(64, contract.width);
            assertEquals(48, contract.height);
            assertEquals(16 / 9.0, contract.contentAspect);
            assertEquals(List.of("bicycle", "kettle", "window"), contract.labels.subList(0, 3));
            assertEquals(flavour.equals("int8"), contract.output.quantized);
            assertEquals(15, contract.vectors.size());
            assertEquals(contract.tolerance, contract.allowed(Classifier.Kernels.BUILT_IN));
            assertEquals(flavour.equals("int8") ? 0 : contract.tolerance,
                    contract.allowed(Classifier.Kernels.XNNPACK));
        }
    }

    @Test
    void on64BitArmItsOwnBytesAreDemandedAndWithoutThemOneStepIsAllowed() throws Exception {
        String text = Made.bundle("int8").contract();
        String older = text.replaceAll(",\\s*\"output_xnnpack_arm64\": \"[^\"]*\"", "");
        String other = text.replaceFirst("(\"output_xnnpack_arm64\": \")[^\"]*", "$1AAAA/w==");
        for (String[] expected : new String[][] {
                {"aarch64", text, "0.0", "false"}, {"aarch64", other, "0.0", "true"},
                {"aarch64", older, "0.00390625", "false"}, {"armv7l", other, "0.00390625", "false"},
                {"amd64", other, "0.0", "false"}}) {
            Contract contract = on(expected[0], expected[1]);
            assertEquals(Double.parseDouble(expected[2]), allowedOn(expected[0], contract), expected[0]);
            byte[] first = contract.vectors.get(0).output(Classifier.Kernels.XNNPACK);
            assertEquals(Boolean.parseBoolean(expected[3]), Arrays.equals(new byte[] {0, 0, 0, -1}, first), expected[0]);
            assertEquals(contract.tolerance, contract.allowed(Classifier.Kernels.BUILT_IN));
        }
    }

    private static Contract on(String processor, String text) throws Exception {
        String before = System.setProperty("os.arch", processor);
        try {
            return Contract.read(text);
        } finally {
            System.setProperty("os.arch", before);
        }
    }

    private static double allowedOn(String processor, Contract contract) {
        String before = System.setProperty("os.arch", processor);
        try {
            return contract.allowed(Classifier.Kernels.XNNPACK);
        } finally {
            System.setProperty("os.arch", before);
        }
    }

    @TestFactory
    Stream<DynamicTest> everyMissingKeyIsNamed() {
        return Stream.of("contract_version", "flavour", "model", "model.file", "model.sha256", "model.size_bytes",
                        "input", "input.width", "input.height", "input.dtype", "input.scale", "input.zero_point",
                        "input.colour_order", "input.value_range", "input.letterbox", "input.content_aspect", "camera",
                        "camera.yuv", "camera.chroma_upsampling", "output", "output.dtype", "output.scale",
                        "output.zero_point", "output.meaning", "labels", "threshold", "tolerance", "golden",
                        "golden.vectors")
                .map(path -> DynamicTest.dynamicTest(path,
                        () -> assertEquals(R.string.contract_key_missing, refusal(with(path, null)))));
    }

    @TestFactory
    Stream<DynamicTest> everyValueOutsideWhatIsAllowedIsRefused() {
        return Stream.of(new Object[][] {
                    {"model.size_bytes", 0}, {"input.width", "64"}, {"input.width", 63.5}, {"input.height", 0},
                    {"input.dtype", "int8"}, {"input.scale", 0.5}, {"input.zero_point", 3},
                    {"input.colour_order", "BGR"}, {"input.letterbox", "nearest"}, {"input.content_aspect", -1},
                    {"camera.yuv", "bt709"}, {"camera.chroma_upsampling", "linear"}, {"output.meaning", "logits"},
                    {"output.zero_point", 256}, {"labels", new org.json.JSONArray()}, {"threshold", 1.5},
                    {"tolerance", "x"}, {"model", 1}, {"flavour", ""}, {"input.value_range", "[0,1]"}})
                .map(pair -> DynamicTest.dynamicTest(pair[0] + " = " + pair[1], () -> assertEquals(
                        R.string.contract_value_wrong, refusal(with((String) pair[0], pair[1])))));
    }

    @Test
    void aNewerContractIsRefusedWhateverElseItSays() throws Exception {
        assertEquals(R.string.contract_newer, refusal("{\"contract_version\": 3}"));
        assertEquals(R.string.contract_newer, refusal(with("contract_version", 3)));
    }

    @Test
    void version1HoldsXnnpackToTheToleranceOfTheBuiltInKernels() throws Exception {
        Contract contract = Contract.read(Made.bundle("int8").toVersion1().contract());
        assertTrue(contract.weaker());
        assertEquals(contract.tolerance, contract.allowed(Classifier.Kernels.XNNPACK));
        for (Contract.Vector vector : contract.vectors) {
            assertSame(vector.output, vector.output(Classifier.Kernels.XNNPACK));
        }
    }

    @Test
    void version2NeedsTheOutputsOfXnnpack() throws Exception {
        String without = Made.bundle("int8").toVersion1().contract();
        assertEquals(R.string.contract_key_missing,
                refusal(without.replace("\"contract_version\": 1", "\"contract_version\": 2")));
    }

    @Test
    void textThatIsNoJsonIsRefused() throws Exception {
        assertEquals(R.string.contract_unreadable, refusal("{"));
        assertEquals(R.string.contract_unreadable, refusal(""));
        String whole = text();
        assertEquals(R.string.contract_unreadable, refusal(whole.substring(0, whole.length() / 2)));
    }

    @Test
    void vectorsWithBytesMissingAreRefused() throws Exception {
        String broken = text().replaceFirst("\"width\": 1,\\s*\"height\": 1,", "\"width\": 2, \"height\": 1,");
        assertEquals(R.string.contract_value_wrong, refusal(broken));
        assertEquals(R.string.contract_value_wrong, refusal(text().replaceFirst("\"rgb\": \"", "\"rgb\": \"*")));
    }

    @Test
    void quantizedBordersTurnBytesIntoProbabilities() throws Exception {
        Contract contract = Contract.read(Made.bundle("int8").contract());
        float[] values = Classifier.probabilities(contract, new byte[] {0, 64, (byte) 128, (byte) 255});
        assertEquals(0.25f, values[1]);
        assertEquals(255 / 256f, values[3]);
        assertTrue(contract.outputBytes() == 4);
    }
}
