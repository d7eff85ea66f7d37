package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.app.Activity;
import android.graphics.Insets;
import android.graphics.Rect;
import android.os.Looper;
import android.view.View;
import android.view.WindowInsets;
import android.widget.PopupMenu;
import java.util.Arrays;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowPopupMenu;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.Model;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.photos.PhotosActivity;

/** Start, self-test and model errors. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class, shadows = FakeCamera.Reader.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class MainActivityTest {
    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.files = null;
        FakeCamera.addBack();
    }

    private static void assertWrong(Files files, int text) {
        TestApp.files = files;
        Demo demo = Demo.start();
        assertEquals(UiState.Kind.MODEL_ERROR, demo.kind());
        assertEquals(text, demo.activity().state.error.text);
        assertFalse(demo.text(R.id.text).isEmpty());
        assertFalse(demo.shown(R.id.panel));
        assertFalse(demo.shown(R.id.button));
    }

    @Test
    public void firstStartRunsTheSelfTestAndSaysNothingIfItPasses() throws Exception {
        Demo demo = Demo.start();
        assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
        assertTrue(Model.passed(demo.activity(), ModelFile.open(Demo.app().files()).contract));
        askForSelfTest(demo);
        assertEquals(UiState.Kind.TESTED, demo.kind());
        assertEquals("Self-test passed", demo.text(R.id.title));
        assertTrue(demo.text(R.id.text).contains("15 pictures, identical in every byte"));
        assertTrue(demo.text(R.id.text).contains("built-in kernels, threads: 1\nIdentical."));
        assertTrue(demo.text(R.id.text).contains("XNNPACK, threads: 2\nIdentical."));
        demo.press(R.id.button);
        assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
        demo.controller.pause().stop().destroy();
        assertEquals(UiState.Kind.PERMISSION_WANTED, Demo.start().kind());
    }

    @Test
    public void aContractOfVersion1IsSaidToBeWeakerAndTestedAgainOnceItIsReplaced() throws Exception {
        TestApp.files = Made.bundle("int8").toVersion1();
        Demo demo = Demo.start();
        askForSelfTest(demo);
        assertEquals("Self-test passed", demo.text(R.id.title));
        assertTrue(demo.text(R.id.text).contains("contract of version 1, which is weaker"));
        demo.controller.pause().stop().destroy();
        assertEquals(UiState.Kind.PERMISSION_WANTED, Demo.start().kind());
        TestApp.files = Made.bundle("int8");
        assertFalse(Model.passed(Demo.app(), ModelFile.open(TestApp.files).contract));
        demo = Demo.start();
        assertTrue(Model.passed(Demo.app(), ModelFile.open(TestApp.files).contract));
        askForSelfTest(demo);
        assertFalse(demo.text(R.id.text).contains("version 1"));
    }

    @Test
    public void anotherModelIsTestedAgain() throws Exception {
        Demo.testedBefore();
        assertEquals(UiState.Kind.PERMISSION_WANTED, Demo.start().kind());
        TestApp.files = Made.bundle("float32");
        assertFalse(Model.passed(Demo.app(), ModelFile.open(TestApp.files).contract));
        Demo.start();
        assertTrue(Model.passed(Demo.app(), ModelFile.open(TestApp.files).contract));
    }

    @Test
    public void aFailedSelfTestIsShownAtEveryStartAndWarnsBesideTheAnswers() throws Exception {
        Demo.allowCamera();
        TestApp.files = Made.bundle("int8").edit(
                text -> text.replaceFirst("\"prepared_sha256\": \"....", "\"prepared_sha256\": \"0000"));
        for (int i = 0; i < 2; i++) {
            Demo demo = Demo.start();
            assertEquals("Self-test failed", demo.text(R.id.title));
            assertTrue(demo.text(R.id.text).contains("wrong for “every_grey”"));
            demo.press(R.id.button);
            assertEquals(UiState.Kind.LIVE, demo.kind());
            assertTrue(demo.shown(R.id.doubtful));
            demo.controller.pause().stop().destroy();
        }
    }

    @Test
    public void selfTestRunsOnRequest() throws Exception {
        Demo.testedBefore();
        Demo.allowCamera();
        Demo demo = Demo.start();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        askForSelfTest(demo);
        assertEquals(UiState.Kind.TESTED, demo.kind());
        demo.press(R.id.button);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    private static void askForSelfTest(Demo demo) {
        demo.activity().findViewById(R.id.menu).performClick();
        PopupMenu menu = ShadowPopupMenu.getLatestPopupMenu();
        shadowOf(menu).getOnMenuItemClickListener().onMenuItemClick(menu.getMenu().findItem(R.id.self_test));
        Demo.settle();
    }

    @Test
    public void withoutAModelItSaysWhichCommandToRun() {
        TestApp.files = new Made.Bundle();
        Demo demo = Demo.start();
        assertEquals(UiState.Kind.NO_MODEL, demo.kind());
        assertTrue(demo.text(R.id.text).contains("python -m export apk"));
    }

    @Test
    public void aTruncatedModelIsShownInsteadOfAnAnswer() throws Exception {
        Made.Bundle bundle = Made.bundle("int8");
        bundle.files.computeIfPresent("model_int8.tflite", (name, bytes) -> Arrays.copyOf(bytes, 100));
        assertWrong(bundle, R.string.model_size);
    }

    @Test
    public void aNewerContractIsShownInsteadOfAnAnswer() throws Exception {
        assertWrong(Made.bundle("int8").edit(text -> text.replace("\"contract_version\": 2", "\"contract_version\": 3")),
                R.string.contract_newer);
    }

    @Test
    public void fewerLabelsAreShownInsteadOfAnAnswer() throws Exception {
        assertWrong(Made.bundle("int8").edit(text -> text.replaceFirst("\\s*\"kettle\",", "")), R.string.labels_differ);
    }

    @Test
    public void anOperatorVersionAboveTheRuntimesIsShownInsteadOfAnAnswer() throws Exception {
        assertWrong(Made.bundle("future"), R.string.model_refused);
    }

    @Test
    @Config(sdk = 35) // Robolectric has no camera sessions on Android 8.0.
    public void permissionWithdrawnMeanwhileIsAskedForOnResume() throws Exception {
        Demo.testedBefore();
        Demo.allowCamera();
        Demo demo = Demo.start().drawn();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        demo.controller.pause();
        Demo.settle();
        shadowOf(RuntimeEnvironment.getApplication()).denyPermissions(Manifest.permission.CAMERA);
        demo.controller.resume();
        Demo.settle();
        assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
        assertTrue(FakeCamera.Reader.last.closed);
    }

    @Test
    @Config(sdk = 35) // Insets can be made since Android 11.
    public void contentsStayClearOfBarsAndCutOuts() {
        Demo demo = Demo.start();
        View root = demo.activity().findViewById(R.id.root);
        int before = demo.activity().findViewById(R.id.panel).getPaddingTop();
        root.dispatchApplyWindowInsets(new WindowInsets.Builder()
                .setInsets(WindowInsets.Type.statusBars(), Insets.of(0, 50, 0, 0))
                .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, 40))
                .setInsets(WindowInsets.Type.displayCutout(), Insets.of(30, 0, 0, 0))
                .build());
        assertEquals(30, root.getPaddingLeft());
        assertEquals(50, root.getPaddingTop());
        assertEquals(0, root.getPaddingBottom());
        for (int id : new int[] {R.id.panel, R.id.message}) {
            View view = demo.activity().findViewById(id);
            assertEquals(before + 40, view.getPaddingBottom());
            assertEquals(before, view.getPaddingTop());
        }
    }

    @Test
    @Config(sdk = 35, qualifiers = "w960dp-h600dp-land-mdpi")
    public void onATabletInLandscapeTheShutterIsAboveTheNavigationBar() throws Exception {
        Demo.testedBefore();
        Demo.allowCamera();
        Demo demo = Demo.start();
        View root = demo.activity().findViewById(R.id.root);
        root.dispatchApplyWindowInsets(new WindowInsets.Builder()
                .setInsets(WindowInsets.Type.navigationBars(), Insets.of(0, 0, 0, 48)).build());
        shadowOf(Looper.getMainLooper()).idle();
        for (int id : new int[] {R.id.shutter, R.id.gallery, R.id.latency}) {
            Rect where = new Rect();
            assertTrue(demo.activity().findViewById(id).getGlobalVisibleRect(where));
            assertTrue(where.bottom <= root.getHeight() - 48);
        }
    }

    @Test
    public void theIconsOfTheStatusBarAreWhiteOverTheBlackAroundThePicture() {
        assertFalse(light(Demo.start().activity()));
        assertTrue(light(Robolectric.buildActivity(PhotosActivity.class).setup().get()));
    }

    /** Whether the window asks for dark icons on a light status bar. */
    private static boolean light(Activity activity) {
        int flags = activity.getWindow().getDecorView().getSystemUiVisibility();
        return (flags & View.SYSTEM_UI_FLAG_LIGHT_STATUS_BAR) != 0;
    }

    @Test
    public void nothingIsReportedAfterTheEnd() throws Exception {
        Demo demo = Demo.start();
        demo.controller.pause().stop();
        UiState before = demo.activity().state;
        demo.controller.destroy();
        Demo.settle();
        assertEquals(before, demo.activity().state);
        assertNull(shadowOf(demo.activity()).getNextStartedActivity());
    }
}
