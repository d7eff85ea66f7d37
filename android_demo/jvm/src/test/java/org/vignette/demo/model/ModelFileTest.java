package org.vignette.demo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.vignette.demo.Made;
import org.vignette.demo.R;

class ModelFileTest {
    private static int refusal(Files files) {
        return assertThrows(BundleException.class, () -> ModelFile.open(files)).text;
    }

    @Test
    void opensWhatBelongsTogether() throws Exception {
        assertNotNull(ModelFile.open(Made.bundle("int8")).bytes);
    }

    @Test
    void noContractMeansNoModelInside() throws Exception {
        assertNull(ModelFile.open(new Made.Bundle()));
    }

    @Test
    void aContractWithoutItsModelIsRefused() throws Exception {
        Made.Bundle bundle = Made.bundle("int8");
        bundle.files.remove("model_int8.tflite");
        assertEquals(R.string.model_missing, refusal(bundle));
    }

    @Test
    void aTruncatedModelIsRefused() throws Exception {
        Made.Bundle bundle = Made.bundle("int8");
        bundle.files.computeIfPresent("model_int8.tflite", (name, bytes) -> Arrays.copyOf(bytes, bytes.length / 2));
        assertEquals(R.string.model_size, refusal(bundle));
    }

    @Test
    void anotherModelOfTheSameSizeIsRefused() throws Exception {
        Made.Bundle bundle = Made.bundle("int8");
        bundle.files.get("model_int8.tflite")[2000] ^= 1;
        assertEquals(R.string.model_sha256, refusal(bundle));
    }
}
