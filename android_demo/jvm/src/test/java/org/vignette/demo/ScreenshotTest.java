package org.vignette.demo;

import static org.junit.Assume.assumeTrue;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.RectF;
import android.widget.FrameLayout;
import android.widget.ImageView;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.camera.LivePicture;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.model.SelfTest;

/**
 * Every screen of the camera by day, by night and in French: all by day, and the telling ones of the others, since
 * night and French share every layout.
 */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, qualifiers = "w360dp-h640dp-hdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ScreenshotTest extends EveryLook {
    /** By night every kind of layout, in French the longest texts. */
    private static final Set<String> TELLING = Set.of(
            "live-night", "picture-night", "permission_wanted-night", "tested_right-night",
            "live-fr", "permission_refused-fr", "no_model-fr", "tested_wrong-fr");

    private final Golden golden = new Golden(TELLING);

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        Demo.allowCamera();
        FakeCamera.addBack();
    }

    @Test
    @Config(qualifiers = "w640dp-h360dp-land-hdpi")
    public void landscape() throws Exception {
        Demo demo = Demo.start();
        Contract contract = ModelFile.open(TestApp.files).contract;
        live(demo, contract, 90, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-land");
        demo.activity().show(UiState.of(UiState.Kind.PERMISSION_WANTED));
        golden.shoot(demo.activity(), "permission_wanted-land");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "w960dp-h600dp-land-mdpi")
    public void tablet() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 90, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-tablet");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "w600dp-h960dp-mdpi")
    public void uprightTablet() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 0, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-tablet-port");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "w411dp-h891dp-mdpi")
    public void tallPhone() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 0, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-tall");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "w360dp-h640dp-night-mdpi", fontScale = 2)
    public void largeFont() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 0, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-large");
        demo.activity().show(UiState.of(UiState.Kind.PERMISSION_WANTED));
        golden.shoot(demo.activity(), "permission_wanted-large");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "w640dp-h360dp-land-mdpi", fontScale = 2)
    public void largeFontInLandscape() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 90, 60, 171, 20, 5);
        golden.shoot(demo.activity(), "live-large-land");
        golden.assertAllEqual();
    }

    @Override
    public void all(String variant) throws Exception {
        Contract contract = ModelFile.open(TestApp.files).contract;
        Demo demo = Demo.start();
        MainActivity activity = demo.activity();
        live(demo, contract, 0, 60, 171, 20, 5);
        golden.shoot(activity, "live" + variant);
        activity.show(UiState.live(answer(contract, 80, 79, 50, 47), false));
        golden.shoot(activity, "live_unknown" + variant);
        for (UiState.Kind kind : UiState.Kind.values()) {
            if (kind.title != 0 && kind != UiState.Kind.MODEL_ERROR && kind != UiState.Kind.TESTED
                    && kind != UiState.Kind.NOT_KEPT && kind != UiState.Kind.FLAVOUR_ERROR) {
                activity.show(UiState.of(kind));
                golden.shoot(activity, kind.name().toLowerCase(Locale.ROOT) + variant);
            }
        }
        activity.show(UiState.modelError(new BundleException(
                R.string.model_size, "model_int8.tflite", 1_000_000, 3_990_000L), null));
        golden.shoot(activity, "model_error" + variant);
        activity.show(UiState.notKept(new LocalizedException(R.string.storage_full, "20260301-120001-000.png")));
        golden.shoot(activity, "not_kept" + variant);
        Classifier.Kernels builtIn = Classifier.Kernels.BUILT_IN;
        Classifier.Kernels xnnpack = Classifier.Kernels.XNNPACK;
        activity.show(UiState.tested(new SelfTest.Report(11, false, null,
                new SelfTest.Run(builtIn, 0, 0, null, false),
                new SelfTest.Run(xnnpack, 1 / 256.0, 3 / 256.0, null, false))));
        golden.shoot(activity, "tested_right" + variant);
        activity.show(UiState.tested(new SelfTest.Report(11, false, null,
                new SelfTest.Run(builtIn, 0.2, 0, "greys", false),
                new SelfTest.Run(xnnpack, 0.3, 3 / 256.0, "one_pixel", true))));
        golden.shoot(activity, "tested_wrong" + variant);
        activity.show(UiState.tested(new SelfTest.Report(11, false, "one_pixel")));
        golden.shoot(activity, "tested_letterbox" + variant);
        Frame frame = new Frame(contract);
        frame.fill(Golden.pixels(Golden.scene(320, 240)), 320, 240);
        ((FrameLayout) activity.findViewById(R.id.viewfinder)).removeViewAt(1);
        activity.show(UiState.picture(answer(contract, 20, 190, 40, 6), frame.bitmap(), true));
        golden.shoot(activity, "picture" + variant);
        ((Made.Bundle) TestApp.files).files.put("verdict.json",
                "{\"verdict\": \"failed\", \"n\": 660, \"second_look\": true}".getBytes(StandardCharsets.UTF_8));
        Activity about = Robolectric.buildActivity(AboutActivity.class, new Intent()).setup().get();
        Demo.settle();
        // Its beginning: a page full of text makes a large picture.
        golden.compare(Bitmap.createBitmap(Golden.draw(about), 0, 0, 540, 320), "about" + variant);
        golden.assertAllEqual();
    }

    private static Answer answer(Contract contract, int... bytes) {
        byte[] output = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            output[i] = (byte) bytes[i];
        }
        return new Answer(contract, Classifier.probabilities(contract, output), 3, 3.1, 1.4, 11.8);
    }

    /** The live screen with a drawn scene in place of the camera picture. To be called once. */
    private static void live(Demo demo, Contract contract, int display, int... bytes) {
        MainActivity activity = demo.activity();
        activity.show(UiState.live(answer(contract, bytes), false));
        Demo.settle();
        FrameLayout view = activity.findViewById(R.id.viewfinder);
        RectF where = LivePicture.show(activity.preview, activity.model, display, contract.contentAspect, view);
        ImageView picture = new ImageView(activity);
        picture.setImageBitmap(Golden.scene(Math.round(where.width()), Math.round(where.height())));
        picture.setScaleType(ImageView.ScaleType.CENTER);
        // Over the preview, which draws nothing but black here, and under the guide.
        view.addView(picture, 1);
    }
}
