package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import android.os.Bundle;
import android.view.View;
import android.view.ViewGroup;
import android.widget.RadioButton;
import java.util.ArrayList;
import java.util.List;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowAlertDialog;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Model;
import org.vignette.demo.model.ModelFile;

/** The user switches between the flavours in the app. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class FlavourTest {
    private static final FakeCamera.Frame FRAME = new FakeCamera.Frame(640, 480, 7);

    private Made.Bundle files;

    @Before
    public void setUp() throws Exception {
        files = Demo.ready();
    }

    private static RadioButton choice(Demo demo, int place) {
        return (RadioButton) demo.flavours().getChildAt(1 + place);
    }

    /** The most probable label's probability of the frame by a flavour, computed without the screen. */
    private static float expected(String flavour) throws Exception {
        ModelFile model = ModelFile.open(Made.bundle(flavour));
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, 7), 90);
        float best = 0;
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            for (float probability : Classifier.probabilities(model.contract, classifier.run(frame.pixels))) {
                best = Math.max(best, probability);
            }
        }
        return best;
    }

    private static void assertAnswersBy(Demo demo, String flavour) throws Exception {
        assertEquals(UiState.Kind.LIVE, demo.kind());
        FakeCamera.Reader.last.deliver(FRAME);
        Demo.settle();
        assertEquals(expected(flavour), demo.activity().state.answer.best.get(0).probability, 0);
        assertTrue(demo.text(R.id.latency), demo.text(R.id.latency).startsWith(flavour.replace('_', ' ') + " · grab"));
    }

    @Test
    public void withOneFlavourThereIsNothingToChoose() {
        Demo demo = Demo.start().drawn();
        assertEquals(View.GONE, demo.flavours().getVisibility());
        FakeCamera.Reader.last.deliver(FRAME);
        Demo.settle();
        assertTrue(demo.text(R.id.latency).startsWith("grab"));
    }

    @Test
    public void theUsualFlavourIsFirstAndInUse() throws Exception {
        files.add(Made.bundle("dynamic_range")).add(Made.bundle("float32"));
        assertNotEquals(expected("int8"), expected("float32"), 0);
        assertNotEquals(expected("int8"), expected("dynamic_range"), 0);
        Demo demo = Demo.start().drawn();
        assertAnswersBy(demo, "int8");
        ViewGroup flavours = demo.flavours();
        assertEquals(View.VISIBLE, flavours.getVisibility());
        List<String> names = new ArrayList<>();
        for (int i = 1; i < flavours.getChildCount(); i++) {
            RadioButton button = (RadioButton) flavours.getChildAt(i);
            names.add(button.getText() + (button.isChecked() ? " *" : ""));
            assertEquals(View.VISIBLE, button.getVisibility());
            assertTrue(button.isFocusable());
        }
        assertEquals(List.of("int8 *", "float32", "dynamic range"), names);
    }

    @Test
    public void theChosenFlavourAnswersAfterASilentSelfTestThatIsRunOnce() throws Exception {
        files.add(Made.bundle("float32"));
        Contract float32 = ModelFile.open(Made.bundle("float32")).contract;
        Demo demo = Demo.start().drawn();
        assertFalse(Model.passed(Demo.app(), float32));
        demo.choose(1);
        assertAnswersBy(demo, "float32");
        assertTrue(Model.passed(Demo.app(), float32));
        assertTrue(choice(demo, 1).isChecked());
        ShadowAlertDialog.getLatestAlertDialog().dismiss();
        demo.choose(0);
        assertAnswersBy(demo, "int8");
        assertTrue(Model.passed(Demo.app(), float32));
        assertTrue(Model.passed(Demo.app(), ModelFile.open(files).contract));
    }

    @Test
    public void choosingTheOneInUseOnlyClosesTheDialog() throws Exception {
        files.add(Made.bundle("float32"));
        Demo demo = Demo.start().drawn();
        MainActivity before = demo.activity();
        choice(demo, 0).performClick();
        Demo.settle();
        assertFalse(ShadowAlertDialog.getLatestAlertDialog().isShowing());
        assertEquals(before, demo.activity());
    }

    @Test
    public void theChoiceSurvivesRotationAndTheEndOfTheProcessButNotTheSession() throws Exception {
        files.add(Made.bundle("dynamic_range"));
        Demo demo = Demo.start().drawn();
        demo.choose(1);
        demo.controller.recreate();
        Demo.settle();
        assertAnswersBy(demo.drawn(), "dynamic_range");
        Bundle saved = new Bundle();
        demo.controller.pause().stop().saveInstanceState(saved).destroy();
        Demo.settle();
        demo = Demo.restore(saved).drawn();
        assertAnswersBy(demo, "dynamic_range");
        demo.controller.pause().stop().destroy();
        Demo.settle();
        assertAnswersBy(Demo.start().drawn(), "int8");
        // Meanwhile another app was installed, which has only one.
        TestApp.files = Made.bundle("int8");
        demo = Demo.restore(saved).drawn();
        FakeCamera.Reader.last.deliver(FRAME);
        Demo.settle();
        assertEquals(expected("int8"), demo.activity().state.answer.best.get(0).probability, 0);
    }

    @Test
    public void aFlavourThatFailsItsSelfTestSaysSoAndTheNextOneIsNotDoubted() throws Exception {
        files.add(Made.bundle("float32").edit(
                text -> text.replaceFirst("\"prepared_sha256\": \"....", "\"prepared_sha256\": \"0000")));
        Demo demo = Demo.start().drawn();
        demo.choose(1);
        assertEquals(UiState.Kind.TESTED, demo.kind());
        assertEquals("Self-test failed", demo.text(R.id.title));
        demo.press(R.id.button);
        assertTrue(demo.shown(R.id.doubtful));
        demo.controller.recreate();
        Demo.settle();
        assertTrue(demo.shown(R.id.doubtful));
        demo.choose(0);
        assertAnswersBy(demo, "int8");
        assertFalse(demo.shown(R.id.doubtful));
    }

    @Test
    public void fromAFlavourThatCannotBeUsedAButtonLeadsBack() throws Exception {
        files = Made.bundle("float32").add(Made.bundle("future"));
        TestApp.files = files;
        Demo.testedBefore();
        Demo demo = Demo.start().drawn();
        demo.choose(1);
        assertEquals(UiState.Kind.FLAVOUR_ERROR, demo.kind());
        assertEquals(R.string.model_refused, demo.activity().state.error.text);
        demo.press(R.id.button);
        assertAnswersBy(demo.drawn(), "float32");
    }
}
