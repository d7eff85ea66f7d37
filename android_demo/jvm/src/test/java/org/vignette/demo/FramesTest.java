package org.vignette.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.view.MenuItem;
import android.view.Surface;
import android.widget.PopupMenu;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.util.Arrays;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.ShadowDisplay;
import org.robolectric.shadows.ShadowPopupMenu;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;

/** How frames are classified: the newest one, upright, in buffers allocated once. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class FramesTest {
    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        ShadowCameraManager.reset();
        FakeCamera.Manager.refusal = null;
        FakeCamera.Manager.opened = null;
        FakeCamera.Reader.last = null;
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        Demo.allowCamera();
    }

    /** The model's answer for a frame, computed without the app's screen. */
    private static float[] expected(FakeCamera.Frame image, int rotation) throws Exception {
        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(image, rotation);
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            return Classifier.probabilities(model.contract, classifier.run(frame.pixels)).clone();
        }
    }

    @Test
    public void framesAreAnsweredUprightInFourRotations() throws Exception {
        FakeCamera.addBack();
        int[][] turns = {
            {Surface.ROTATION_0, 90}, {Surface.ROTATION_90, 0}, {Surface.ROTATION_180, 270}, {Surface.ROTATION_270, 180}
        };
        FakeCamera.Frame reference = new FakeCamera.Frame(640, 480, 7);
        assertFalse(Arrays.equals(expected(reference, 90), expected(reference, 270)));
        for (int[] turn : turns) {
            shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(turn[0]);
            Demo demo = Demo.start().drawn();
            FakeCamera.Frame image = new FakeCamera.Frame(640, 480, 7);
            FakeCamera.Reader.last.deliver(image);
            Demo.settle();
            Answer answer = demo.activity().state.answer;
            assertNotNull(answer);
            float[] expected = expected(image, turn[1]);
            int[] best = Answer.ranked(expected, 3);
            for (int i = 0; i < best.length; i++) {
                assertEquals(expected[best[i]], answer.best.get(i).probability, 0);
            }
            assertTrue(image.closed);
            demo.controller.pause().stop().destroy();
            Demo.settle();
            assertTrue(FakeCamera.Reader.last.closed);
        }
    }

    @Test
    public void turningFromOneLandscapeToTheOtherIsFollowed() throws Exception {
        FakeCamera.addBack();
        shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(Surface.ROTATION_90);
        Demo demo = Demo.start().drawn();
        shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(Surface.ROTATION_270);
        demo.activity().preview.onDisplayChanged(0);
        FakeCamera.Frame image = new FakeCamera.Frame(640, 480, 7);
        FakeCamera.Reader.last.deliver(image);
        Demo.settle();
        float[] expected = expected(image, 180);
        assertEquals(expected[Answer.ranked(expected, 1)[0]], demo.activity().state.answer.best.get(0).probability, 0);
    }

    @Test
    public void anAnswerIsShownWithBarsPercentagesAndTimes() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        assertEquals("Looking…", demo.text(R.id.headline));
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        Answer answer = demo.activity().state.answer;
        Answer.Score best = answer.best.get(0);
        assertEquals(answer.known ? best.label : "I don't know", demo.text(R.id.headline));
        assertEquals(answer.best.get(answer.known ? 1 : 0).label, demo.text(R.id.label));
        int percent = Math.round(100 * best.probability);
        assertEquals(answer.known ? percent + "%" : "", demo.text(R.id.number));
        ProgressBar bar = demo.activity().findViewById(R.id.bar);
        assertEquals(Math.round(1000 * best.probability), bar.getProgress());
        TextView latency = demo.activity().findViewById(R.id.latency);
        assertTrue(latency.getText().toString().matches("grab [\\d.]+ ms · letterbox [\\d.]+ ms · model [\\d.]+ ms"));
    }

    @Test
    public void onlyTheNewestFrameIsAnswered() throws Exception {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.Frame[] images = new FakeCamera.Frame[3];
        for (int i = 0; i < images.length; i++) {
            images[i] = new FakeCamera.Frame(640, 480, 100 + i);
        }
        // While the model thread is busy, as when a frame is in work.
        Demo.app().modelThread().post(() -> FakeCamera.Reader.last.deliver(images));
        Demo.settle();
        float[] expected = expected(images[2], 90);
        assertEquals(expected[Answer.ranked(expected, 1)[0]], demo.activity().state.answer.best.get(0).probability, 0);
        for (FakeCamera.Frame image : images) {
            assertTrue(image.closed);
        }
    }

    @Test
    public void aFrameThatComesAfterTheCameraWasClosedIsDropped() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.Reader late = FakeCamera.Reader.last;
        demo.activity().preview.close();
        Demo.settle();
        assertTrue(late.closed);
        late.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        assertNull(demo.activity().state.answer);
        assertTrue(Demo.app().modelThread().getLooper().getThread().isAlive());
    }

    @Test
    public void tenFramesASecondAreAnsweredAndAllAtFullSpeed() {
        FakeCamera.addBack();
        Demo demo = Demo.start().drawn();
        FakeCamera.Reader reader = FakeCamera.Reader.last;
        reader.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        Answer first = demo.activity().state.answer;
        FakeCamera.Frame early = new FakeCamera.Frame(640, 480, 8);
        reader.deliverAtOnce(early);
        Demo.settle();
        assertSame(first, demo.activity().state.answer);
        assertTrue(early.closed);
        reader.deliver(new FakeCamera.Frame(640, 480, 8));
        Demo.settle();
        Answer second = demo.activity().state.answer;
        assertNotSame(first, second);
        demo.activity().findViewById(R.id.menu).performClick();
        PopupMenu menu = ShadowPopupMenu.getLatestPopupMenu();
        MenuItem item = menu.getMenu().findItem(R.id.full_speed);
        assertFalse(item.isChecked());
        shadowOf(menu).getOnMenuItemClickListener().onMenuItemClick(item);
        reader.deliverAtOnce(new FakeCamera.Frame(640, 480, 9));
        Demo.settle();
        assertNotSame(second, demo.activity().state.answer);
        demo.activity().findViewById(R.id.menu).performClick();
        assertTrue(ShadowPopupMenu.getLatestPopupMenu().getMenu().findItem(R.id.full_speed).isChecked());
    }

    @Test
    public void buffersAreMadeOnce() throws Exception {
        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, 1), 90);
        byte[] pixels = frame.pixels;
        byte[] before = pixels.clone();
        frame.fill(new FakeCamera.Frame(640, 480, 2), 90);
        assertFalse(Arrays.equals(before, frame.pixels));
        frame.fill(new FakeCamera.Frame(640, 480, 1), 90);
        assertArrayEquals(before, pixels);
    }
}
