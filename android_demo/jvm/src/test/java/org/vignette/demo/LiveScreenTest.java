package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.AlertDialog;
import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.SurfaceTexture;
import android.os.Looper;
import android.view.TextureView;
import android.view.View;
import android.view.ViewGroup;
import android.view.accessibility.AccessibilityEvent;
import android.view.accessibility.AccessibilityManager;
import android.widget.Button;
import android.widget.SeekBar;
import android.widget.TextView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowAlertDialog;
import org.robolectric.shadows.ShadowCameraManager;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.ModelFile;

/** What the live screen shows and says, and for how long it stays awake. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class LiveScreenTest {
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
        FakeCamera.addBack();
    }

    @Test
    public void theScreenMaySleepAfterFiveMinutesWithTheSameAnswer() {
        Demo demo = Demo.start().drawn();
        View viewfinder = demo.activity().findViewById(R.id.viewfinder);
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        assertTrue(viewfinder.getKeepScreenOn());
        for (int minute = 0; minute < 5; minute++) {
            shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMinutes(1));
            FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
            Demo.settle();
        }
        assertFalse(viewfinder.getKeepScreenOn());
        demo.activity().show(UiState.live(null, false));
        assertTrue(viewfinder.getKeepScreenOn());
        demo.activity().show(UiState.of(UiState.Kind.LOADING));
        assertFalse(viewfinder.getKeepScreenOn());
    }

    @Test
    public void onlyAChangedAnswerIsSpoken() throws Exception {
        Demo demo = Demo.start().drawn();
        Contract contract = ModelFile.open(TestApp.files).contract;
        float[] probabilities = {0.6f, 0.2f, 0.1f, 0.1f};
        demo.activity().show(UiState.live(new Answer(contract, probabilities, 3, 1, 1, 1), false));
        List<Integer> spoken = new ArrayList<>();
        shadowOf(Demo.app().getSystemService(AccessibilityManager.class)).setEnabled(true);
        View.AccessibilityDelegate listening = new View.AccessibilityDelegate() {
            @Override
            public boolean onRequestSendAccessibilityEvent(ViewGroup host, View child, AccessibilityEvent event) {
                if (child.getAccessibilityLiveRegion() != View.ACCESSIBILITY_LIVE_REGION_NONE) {
                    spoken.add(event.getEventType());
                }
                return true;
            }
        };
        View headline = demo.activity().findViewById(R.id.headline);
        ((View) headline.getParent()).setAccessibilityDelegate(listening);
        CharSequence before = ((TextView) headline).getText();
        probabilities[0] = 0.7f;
        demo.activity().show(UiState.live(new Answer(contract, probabilities, 3, 1, 1, 1), false));
        assertSame(before, ((TextView) headline).getText());
        for (int id : new int[] {R.id.number, R.id.rows, R.id.latency, R.id.bar, R.id.answer}) {
            View view = demo.activity().findViewById(id);
            assertEquals(View.ACCESSIBILITY_LIVE_REGION_NONE, view.getAccessibilityLiveRegion());
            assertNull(view.getContentDescription());
        }
        ViewGroup rows = demo.activity().findViewById(R.id.rows);
        for (int i = 0; i < rows.getChildCount(); i++) {
            assertNull(rows.getChildAt(i).getContentDescription());
        }
        assertTrue(spoken.isEmpty());
    }

    @Test
    public void theLastPictureOfBeforeIsHiddenUntilThereIsANewOne() {
        Demo demo = Demo.start();
        long[] timestamp = {5};
        SurfaceTexture texture = new SurfaceTexture(1) {
            @Override
            public long getTimestamp() {
                return timestamp[0];
            }
        };
        TextureView preview = demo.activity().findViewById(R.id.preview);
        preview.setSurfaceTexture(texture);
        preview.getSurfaceTextureListener().onSurfaceTextureAvailable(texture, 1080, 2400);
        Demo.settle();
        View guide = demo.activity().findViewById(R.id.guide);
        assertEquals(Color.BLACK, centre(guide));
        preview.getSurfaceTextureListener().onSurfaceTextureUpdated(texture);
        assertEquals(Color.BLACK, centre(guide));
        timestamp[0] = 6;
        preview.getSurfaceTextureListener().onSurfaceTextureUpdated(texture);
        assertEquals(Color.TRANSPARENT, centre(guide));
        demo.controller.pause().resume();
        Demo.settle();
        assertEquals(Color.BLACK, centre(guide));
        for (int i = 0; i < 5; i++) {
            preview.getSurfaceTextureListener().onSurfaceTextureUpdated(texture);
        }
        assertEquals(Color.TRANSPARENT, centre(guide));
    }

    /** The colour that a view draws over what is below it. */
    private static int centre(View view) {
        Bitmap drawn = Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(drawn));
        return drawn.getPixel(view.getWidth() / 2, view.getHeight() / 2);
    }

    @Test
    public void theThresholdOnTheSliderDecidesWhatIsKnown() throws Exception {
        Demo demo = Demo.start().drawn();
        FakeCamera.Frame frame = new FakeCamera.Frame(640, 480, 7);
        for (int percent : new int[] {0, 100}) {
            demo.activity().findViewById(R.id.answer).performLongClick();
            SeekBar slider = ShadowAlertDialog.getLatestAlertDialog().findViewById(R.id.slider);
            slider.setProgress(50);
            slider.setProgress(percent);
            ShadowAlertDialog.getLatestAlertDialog().dismiss();
            FakeCamera.Reader.last.deliver(frame);
            Demo.settle();
            assertEquals(percent == 0, demo.activity().state.answer.known);
        }
        demo.controller.pause().stop().destroy();
        Demo.settle();
        Demo again = Demo.start().drawn();
        FakeCamera.Reader.last.deliver(frame);
        Demo.settle();
        assertFalse(again.activity().state.answer.known);
        again.activity().findViewById(R.id.answer).performLongClick();
        Button own = ShadowAlertDialog.getLatestAlertDialog().getButton(AlertDialog.BUTTON_NEUTRAL);
        own.performClick();
        Demo.settle();
        FakeCamera.Reader.last.deliver(frame);
        Demo.settle();
        Answer answer = again.activity().state.answer;
        Contract contract = ModelFile.open(TestApp.files).contract;
        assertEquals(answer.best.get(0).probability >= contract.threshold, answer.known);
    }
}
