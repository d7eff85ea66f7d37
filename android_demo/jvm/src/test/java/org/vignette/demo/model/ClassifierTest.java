package org.vignette.demo.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.vignette.demo.Made;
import org.vignette.demo.R;

/** The app's own classes on real models, through the real classes of TensorFlow Lite. */
class ClassifierTest {
    @BeforeEach
    void needsTheRuntime() throws Exception {
        String missing = Made.missingRuntime();
        assumeTrue(missing == null, missing);
    }

    /** Every bundle generated here, and those passed to run.py. */
    private static Map<String, Made.Bundle> bundles() throws Exception {
        Map<String, Made.Bundle> bundles = new TreeMap<>();
        for (String flavour : new String[] {"int8", "float32", "float16", "dynamic_range"}) {
            bundles.put(flavour, Made.bundle(flavour));
        }
        String given = System.getProperty("vignette.bundles", "");
        for (String folder : given.isEmpty() ? new String[0] : given.split(File.pathSeparator)) {
            bundles.put(folder, new Made.Bundle(Path.of(folder)));
        }
        return bundles;
    }

    private static int refusal(Files files) throws Exception {
        ModelFile model = ModelFile.open(files);
        BundleException error = assertThrows(BundleException.class,
                () -> new Classifier(model, Classifier.Kernels.XNNPACK).close());
        return error.text;
    }

    @TestFactory
    Stream<DynamicTest> selfTestPassesOnEveryBundle() throws Exception {
        return bundles().entrySet().stream().map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
            ModelFile model = ModelFile.open(entry.getValue());
            try (Classifier live = new Classifier(model, Classifier.Kernels.XNNPACK)) {
                SelfTest.Report report = new SelfTest(model.contract, new Frame(model.contract)).run(model, live);
                assertNull(report.wrongLetterbox);
                for (SelfTest.Run run : report.runs) {
                    assertTrue(run.right(), entry.getKey() + ", " + run.kernels + ", first at " + run.wrongVector
                            + ": largest difference " + run.largestDifference + ", allowed " + run.allowed);
                }
                if (model.contract.output.quantized) {
                    assertEquals(0, report.runs[0].largestDifference);
                    assertEquals(0, report.runs[1].largestDifference);
                    assertEquals(0, report.runs[1].allowed);
                }
            }
        }));
    }

    @TestFactory
    Stream<DynamicTest> bothKernelsEqualPythonInEveryByteOfInt8() throws Exception {
        Map<String, Made.Bundle> bundles = bundles();
        bundles.values().removeIf(bundle -> !bundle.contract().contains("\"flavour\": \"int8\""));
        return bundles.entrySet().stream().map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
            ModelFile model = ModelFile.open(entry.getValue());
            Frame frame = new Frame(model.contract);
            for (Classifier.Kernels kernels : Classifier.Kernels.values()) {
                for (int threads = 1; threads <= 2; threads++) {
                    try (Classifier classifier = new Classifier(model, kernels, threads)) {
                        for (Contract.Vector vector : model.contract.vectors) {
                            frame.fill(vector.rgb, vector.width, vector.height);
                            assertArrayEquals(vector.output(kernels), classifier.run(frame.pixels),
                                    kernels + ", " + threads + " threads, " + vector.name);
                        }
                    }
                }
            }
        }));
    }

    @Test
    void anOperatorVersionAboveTheRuntimesIsRefused() throws Exception {
        assertEquals(R.string.model_refused, refusal(Made.bundle("future")));
    }

    @Test
    void fewerLabelsThanOutputsAreRefused() throws Exception {
        assertEquals(R.string.labels_differ,
                refusal(Made.bundle("int8").edit(text -> text.replaceFirst("\\s*\"kettle\",", ""))));
    }

    @Test
    void anotherFrameThanTheModelsIsRefused() throws Exception {
        assertEquals(R.string.input_differs,
                refusal(Made.bundle("int8").edit(text -> text.replace("\"width\": 64,\n  \"height\"",
                        "\"width\": 65,\n  \"height\""))));
    }

    @Test
    void anotherInputTypeThanTheModelsIsRefused() throws Exception {
        assertEquals(R.string.input_differs, refusal(Made.bundle("int8").edit(
                text -> text.replaceFirst("\"dtype\": \"uint8\"", "\"dtype\": \"float32\""))));
    }

    @Test
    void anotherOutputScaleThanTheModelsIsRefused() throws Exception {
        assertEquals(R.string.output_differs,
                refusal(Made.bundle("int8").edit(text -> text.replace("0.00390625", "0.0078125"))));
    }

    @Test
    void goldenOutputsOfAnotherLengthAreRefused() throws Exception {
        for (String key : new String[] {"output", "output_xnnpack"}) {
            assertEquals(R.string.contract_value_wrong,
                    refusal(Made.bundle("int8").edit(text -> first(text, key, "AAAA"))));
        }
    }

    /** The contract with another output in the first vector. */
    private static String first(String text, String key, String output) {
        return text.replaceFirst("\"" + key + "\": \"[^\"]*\"", "\"" + key + "\": \"" + output + "\"");
    }

    /** The contract with one byte of the first vector's output one step off. */
    private static String step(String text, String key) {
        Matcher matcher = Pattern.compile("\"" + key + "\": \"([^\"]*)\"").matcher(text);
        assertTrue(matcher.find());
        byte[] bytes = Base64.getDecoder().decode(matcher.group(1));
        bytes[0] += (bytes[0] & 255) < 255 ? 1 : -1;
        return first(text, key, Base64.getEncoder().encodeToString(bytes));
    }

    @Test
    void oneByteOfXnnpackFailsAndOneStepOfTheBuiltInKernelsMayBeTheProcessor() throws Exception {
        SelfTest.Report xnnpack = report(Made.bundle("int8").edit(text -> step(text, "output_xnnpack")));
        assertFalse(xnnpack.right());
        assertNull(xnnpack.runs[0].wrongVector);
        assertEquals("every_grey", xnnpack.runs[1].wrongVector);
        assertEquals(1 / 256.0, xnnpack.runs[1].largestDifference, 1e-9);

        SelfTest.Report builtIn = report(Made.bundle("int8").edit(text -> step(text, "output")));
        assertTrue(builtIn.right());
        assertEquals(1 / 256.0, builtIn.runs[0].largestDifference, 1e-9);
    }

    @Test
    void oneByteOf64BitArmFailsThereAndNowhereElse() throws Exception {
        String before = System.getProperty("os.arch");
        for (boolean arm : new boolean[] {true, false}) {
            System.setProperty("os.arch", arm ? "aarch64" : before);
            try {
                assertTrue(report(Made.bundle("int8")).right());
                SelfTest.Report changed = report(Made.bundle("int8").edit(text -> step(text, "output_xnnpack_arm64")));
                assertEquals(!arm, changed.right());
                assertEquals(arm ? "every_grey" : null, changed.runs[1].wrongVector);
            } finally {
                System.setProperty("os.arch", before);
            }
        }
    }

    @Test
    void version1IsWithinTheToleranceAndSaidToBeWeaker() throws Exception {
        assertFalse(report(Made.bundle("int8")).weaker);
        SelfTest.Report report = report(Made.bundle("int8").toVersion1());
        assertTrue(report.right());
        assertTrue(report.weaker);
    }

    @Test
    void selfTestNamesTheStepThatDiffers() throws Exception {
        String sha256 = "\"prepared_sha256\": \"";
        SelfTest.Report letterbox = report(Made.bundle("int8").edit(
                text -> text.replaceFirst(sha256 + "....", sha256 + "0000")));
        assertEquals("every_grey", letterbox.wrongLetterbox);
        assertEquals(0, letterbox.runs.length);

        SelfTest.Report model = report(Made.bundle("int8").edit(
                text -> first(first(text, "output", "AAAA/w=="), "output_xnnpack", "AAAA/w==")));
        assertNull(model.wrongLetterbox);
        for (SelfTest.Run run : model.runs) {
            assertEquals("every_grey", run.wrongVector);
            assertTrue(run.topChanged);
            assertTrue(run.largestDifference > 0.5);
        }
    }

    private static SelfTest.Report report(Files files) throws Exception {
        ModelFile model = ModelFile.open(files);
        try (Classifier live = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            return new SelfTest(model.contract, new Frame(model.contract)).run(model, live);
        }
    }
}
