package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import android.widget.TextView;
import java.nio.charset.StandardCharsets;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.model.ModelFile;

/** The About screen: model, verdict, licences. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class AboutActivityTest {
    private static final String LICENCES = "Apache";

    @Before
    public void setUp() {
        TestApp.reset();
    }

    /** The screen's text for an app around a bundle with a verdict; null for none. */
    private static String about(String flavour, String verdict) throws Exception {
        Made.Bundle bundle = Made.bundle(flavour);
        if (verdict != null) {
            bundle.files.put("verdict.json", verdict.getBytes(StandardCharsets.UTF_8));
        }
        TestApp.files = bundle;
        return shown();
    }

    private static String shown() {
        AboutActivity activity = Robolectric.buildActivity(AboutActivity.class, new Intent()).setup().get();
        Demo.settle();
        String text = ((TextView) activity.findViewById(R.id.about)).getText().toString();
        assertTrue(text, text.contains(LICENCES));
        return text;
    }

    private static String json(String verdict, int n, boolean secondLook) {
        return "{\"verdict\": \"" + verdict + "\", \"n\": " + n + ", \"second_look\": " + secondLook + "}";
    }

    @Test
    public void aContractOfVersion1IsSaidToBeWeaker() throws Exception {
        String weaker = "contract of version 1, which is weaker: XNNPACK is only held to a tolerance. To have it held to "
                + "equal bytes in int8, export the model again, then rebuild the app.";
        TestApp.files = Made.bundle("int8").toVersion1();
        assertTrue(shown().contains(weaker));
        TestApp.files = Made.bundle("int8");
        assertFalse(shown().contains(weaker));
    }

    @Test
    public void aModelThatFailedTheGateIsNamedAsOne() throws Exception {
        String text = about("int8", json("failed", 1200, false));
        String sha256 = ModelFile.open(TestApp.files).contract.modelSha256.substring(0, 12);
        assertTrue(text, text.startsWith("Built-in model: int8 (model_int8.tflite, sha256 " + sha256 + "…)\n"
                + "It FAILED the gate on 1,200 pictures: its answers differ too much from the trained model's. "
                + "Do not rely on them.\n"));
    }

    @Test
    @Config(qualifiers = "fr")
    public void inFrenchToo() throws Exception {
        String text = about("int8", json("failed", 36, true));
        assertTrue(text, text.contains("Il a ÉCHOUÉ au contrôle sur 36 images"));
        assertTrue(text, text.contains("C’était un second examen"));
    }

    @Test
    public void anotherFlavourAndItsVerdictAreNamed() throws Exception {
        String text = about("float16", json("passed", 1, true));
        assertTrue(text, text.startsWith("Built-in model: float16 (model_float16.tflite"));
        assertTrue(text, text.contains("It passed the gate on 1 picture: it answers like the trained model. "
                + "This was a second look: the gate had rejected an earlier file."));
        assertTrue(about("float16", json("not shown", 36, false)).contains("36 pictures are too few to prove"));
    }

    @Test
    public void withoutAVerdictNothingIsClaimed() throws Exception {
        String text = about("int8", null);
        assertTrue(text, text.contains("It has not been through the gate"));
        assertFalse(text, text.contains("passed"));
    }

    @Test
    public void aTickSaysThatTheModelPassedItsSelfTestHere() throws Exception {
        TestApp.files = Made.bundle("int8");
        assertFalse(shown().contains("✓"));
        Demo.testedBefore();
        assertTrue(shown().contains("✓ Passed the self-test on this phone."));
    }

    @Test
    public void aDamagedOrUnknownVerdictIsNamed() throws Exception {
        assertTrue(about("int8", "{").startsWith("verdict.json is not valid JSON"));
        assertTrue(about("int8", json("fine", 3, false)).startsWith(
                "verdict.json, “verdict”: expected passed, not shown, failed. Received: fine."));
    }

    @Test
    public void anAppWithoutAModelSaysSo() {
        TestApp.files = new Made.Bundle();
        assertEquals("No model built in", shown().split("\n")[0]);
    }
}
