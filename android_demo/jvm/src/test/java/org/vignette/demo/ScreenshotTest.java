package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assume.assumeTrue;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.LinearGradient;
import android.graphics.Paint;
import android.graphics.RectF;
import android.graphics.Shader;
import android.view.View;
import android.widget.FrameLayout;
import android.widget.ImageView;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;

/**
 * Every screen by day, by night and in French, against pictures in golden/ that a person has looked at: all by day, and
 * the telling ones of the others, since night and French share every layout. run.py --rewrite writes them anew; what
 * was drawn instead lies in target/made/screens.
 */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, qualifiers = "w360dp-h640dp-hdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ScreenshotTest {
    private static final Path GOLDEN = Path.of(System.getProperty("vignette.golden"));
    private static final boolean REWRITE = Boolean.getBoolean("vignette.rewrite");
    /** Bars are drawn by arithmetic that a library update may round otherwise. */
    private static final int TOLERANCE = 3;
    /** By night every kind of layout, in French the longest texts. */
    private static final Set<String> TELLING = Set.of(
            "live-night", "picture-night", "permission_wanted-night", "tested_right-night",
            "live-fr", "permission_refused-fr", "no_model-fr", "tested_wrong-fr");

    private final List<String> different = new ArrayList<>();

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        Demo.allowCamera();
        FakeCamera.addBack();
    }

    @Test
    public void day() throws Exception {
        all("");
    }

    @Test
    @Config(qualifiers = "+night")
    public void night() throws Exception {
        all("-night");
    }

    @Test
    @Config(qualifiers = "+fr")
    public void french() throws Exception {
        all("-fr");
    }

    @Test
    @Config(qualifiers = "w640dp-h360dp-land-hdpi")
    public void landscape() throws Exception {
        Demo demo = Demo.start();
        Contract contract = ModelFile.open(TestApp.files).contract;
        live(demo, contract, 90, 60, 171, 20, 5);
        shoot(demo.activity(), "live-land");
        demo.activity().show(UiState.of(UiState.Kind.PERMISSION_WANTED));
        shoot(demo.activity(), "permission_wanted-land");
        assertEquals(Collections.emptyList(), different);
    }

    @Test
    @Config(qualifiers = "+night", fontScale = 1.6f)
    public void largeFont() throws Exception {
        Demo demo = Demo.start();
        live(demo, ModelFile.open(TestApp.files).contract, 0, 60, 171, 20, 5);
        shoot(demo.activity(), "live-large");
        assertEquals(Collections.emptyList(), different);
    }

    private void all(String variant) throws Exception {
        Contract contract = ModelFile.open(TestApp.files).contract;
        Demo demo = Demo.start();
        MainActivity activity = demo.activity();
        live(demo, contract, 0, 60, 171, 20, 5);
        shoot(activity, "live" + variant);
        activity.show(UiState.live(answer(contract, 80, 79, 50, 47), false));
        shoot(activity, "live_unknown" + variant);
        for (UiState.Kind kind : UiState.Kind.values()) {
            if (kind.title != 0 && kind != UiState.Kind.MODEL_WRONG && kind != UiState.Kind.TESTED) {
                activity.show(UiState.of(kind));
                shoot(activity, kind.name().toLowerCase(Locale.ROOT) + variant);
            }
        }
        activity.show(UiState.wrong(new BundleException(
                R.string.model_size, "model_int8.tflite", 1_000_000, 3_990_000L)));
        shoot(activity, "model_wrong" + variant);
        Classifier.Kernels builtIn = Classifier.Kernels.BUILT_IN;
        Classifier.Kernels xnnpack = Classifier.Kernels.XNNPACK;
        activity.show(UiState.tested(new SelfTest.Report(11, null,
                new SelfTest.Run(builtIn, 0, 0, null, false),
                new SelfTest.Run(xnnpack, 1 / 256.0, 3 / 256.0, null, false))));
        shoot(activity, "tested_right" + variant);
        activity.show(UiState.tested(new SelfTest.Report(11, null,
                new SelfTest.Run(builtIn, 0.2, 0, "greys", false),
                new SelfTest.Run(xnnpack, 0.3, 3 / 256.0, "one_pixel", true))));
        shoot(activity, "tested_wrong" + variant);
        activity.show(UiState.tested(new SelfTest.Report(11, "one_pixel")));
        shoot(activity, "tested_letterbox" + variant);
        Frame frame = new Frame(contract);
        frame.fill(pixels(scene(320, 240)), 320, 240);
        ((FrameLayout) activity.findViewById(R.id.viewfinder)).removeViewAt(1);
        activity.show(UiState.picture(answer(contract, 20, 190, 40, 6), frame.bitmap(), true));
        shoot(activity, "picture" + variant);
        Activity licences = Robolectric.buildActivity(LicencesActivity.class, new Intent()).setup().get();
        // Its beginning: a page full of text makes a large picture.
        compare(Bitmap.createBitmap(draw(licences), 0, 0, 540, 320), "licences" + variant);
        assertEquals(Collections.emptyList(), different);
    }

    private static Answer answer(Contract contract, int... bytes) {
        byte[] output = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            output[i] = (byte) bytes[i];
        }
        return new Answer(contract, Classifier.probabilities(contract, output), 3, 3.1, 1.4, 11.8);
    }

    /** The live screen with a drawn scene where the camera's picture would be. To be called once. */
    private static void live(Demo demo, Contract contract, int display, int... bytes) {
        MainActivity activity = demo.activity();
        activity.show(UiState.live(answer(contract, bytes), false));
        Demo.settle();
        Viewfinder finder = new Viewfinder((90 + display) % 360, false, 640, 480);
        activity.preview.show(finder, contract.contentAspect);
        FrameLayout view = activity.findViewById(R.id.viewfinder);
        RectF where = finder.picture(view.getWidth(), view.getHeight(), 0);
        ImageView picture = new ImageView(activity);
        picture.setImageBitmap(scene(Math.round(where.width()), Math.round(where.height())));
        picture.setScaleType(ImageView.ScaleType.CENTER);
        // Over the preview, which draws nothing but black here, and under the guide.
        view.addView(picture, 1);
    }

    /** A kettle on a table, more or less. */
    private static Bitmap scene(int width, int height) {
        Bitmap bitmap = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888);
        Canvas canvas = new Canvas(bitmap);
        canvas.translate(width / 2f, height / 2f);
        canvas.scale(Math.min(width, height) / 240f, Math.min(width, height) / 240f);
        Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
        paint.setShader(new LinearGradient(0, -100, 0, 30, 0xffb9cfd6, 0xff7d9aa3, Shader.TileMode.CLAMP));
        canvas.drawPaint(paint);
        paint.setShader(null);
        paint.setColor(0xff8a5a34);
        canvas.drawRect(-500, 30, 500, 500, paint);
        paint.setColor(0xffc8443a);
        canvas.drawOval(-45, -40, 45, 55, paint);
        canvas.drawRect(35, -15, 75, -3, paint);
        paint.setColor(0xff30343a);
        canvas.drawOval(-12, -52, 12, -34, paint);
        paint.setStyle(Paint.Style.STROKE);
        paint.setStrokeWidth(6);
        canvas.drawArc(-55, -62, 55, 30, 200, 140, false, paint);
        return bitmap;
    }

    private static byte[] pixels(Bitmap bitmap) {
        int[] colours = new int[bitmap.getWidth() * bitmap.getHeight()];
        bitmap.getPixels(colours, 0, bitmap.getWidth(), 0, 0, bitmap.getWidth(), bitmap.getHeight());
        byte[] rgb = new byte[3 * colours.length];
        for (int i = 0; i < colours.length; i++) {
            rgb[3 * i] = (byte) Color.red(colours[i]);
            rgb[3 * i + 1] = (byte) Color.green(colours[i]);
            rgb[3 * i + 2] = (byte) Color.blue(colours[i]);
        }
        return rgb;
    }

    private void shoot(Activity activity, String name) throws Exception {
        compare(draw(activity), name);
    }

    private static Bitmap draw(Activity activity) {
        Demo.settle();
        View view = activity.getWindow().getDecorView();
        Bitmap drawn = Bitmap.createBitmap(view.getWidth(), view.getHeight(), Bitmap.Config.ARGB_8888);
        view.draw(new Canvas(drawn));
        return drawn;
    }

    private void compare(Bitmap drawn, String name) throws Exception {
        Path golden = GOLDEN.resolve(name + ".png");
        if ((name.endsWith("-night") || name.endsWith("-fr")) && !TELLING.contains(name)) {
            return;
        }
        if (REWRITE) {
            write(drawn, golden);
        } else if (!same(drawn, BitmapFactory.decodeFile(golden.toString()))) {
            different.add(name);
            write(drawn, Made.FOLDER.resolve("screens/" + name + ".png"));
        }
    }

    private static void write(Bitmap bitmap, Path path) throws Exception {
        java.nio.file.Files.createDirectories(path.getParent());
        try (OutputStream out = java.nio.file.Files.newOutputStream(path)) {
            bitmap.compress(Bitmap.CompressFormat.PNG, 100, out);
        }
    }

    private static boolean same(Bitmap drawn, Bitmap golden) {
        if (golden == null || golden.getWidth() != drawn.getWidth() || golden.getHeight() != drawn.getHeight()) {
            return false;
        }
        byte[] one = pixels(drawn);
        byte[] other = pixels(golden);
        for (int i = 0; i < one.length; i++) {
            if (Math.abs((one[i] & 255) - (other[i] & 255)) > TOLERANCE) {
                return false;
            }
        }
        return true;
    }
}
