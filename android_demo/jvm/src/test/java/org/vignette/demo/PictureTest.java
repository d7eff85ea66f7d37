package org.vignette.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.Color;
import android.graphics.ColorSpace;
import android.net.Uri;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.image.Picture;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;

/** Pictures shared by another app. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class, shadows = FakeCamera.Reader.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class PictureTest {
    private static final Uri URI = Uri.parse("content://gallery/1");

    @Before
    public void setUp() throws Exception {
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
    }

    private static void offer(byte[] file) {
        shadowOf(RuntimeEnvironment.getApplication().getContentResolver())
                .registerInputStreamSupplier(URI, () -> new ByteArrayInputStream(file));
    }

    private static Intent send() {
        return new Intent(Intent.ACTION_SEND).setType("image/*").putExtra(Intent.EXTRA_STREAM, URI);
    }

    private static byte[] file(Bitmap bitmap, Bitmap.CompressFormat format) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        bitmap.compress(format, 95, out);
        return out.toByteArray();
    }

    /** Opaque noise as a picture. */
    private static Bitmap noise(int width, int height) {
        byte[] rgb = Noise.bytes(11, 3 * width * height);
        int[] colours = new int[width * height];
        for (int i = 0; i < colours.length; i++) {
            colours[i] = Color.rgb(rgb[3 * i] & 255, rgb[3 * i + 1] & 255, rgb[3 * i + 2] & 255);
        }
        return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888);
    }

    private static byte[][] rows(byte[] file) throws Exception {
        offer(file);
        try (Picture picture = new Picture(RuntimeEnvironment.getApplication().getContentResolver(), URI)) {
            byte[][] rows = new byte[picture.height][3 * picture.width];
            for (int y = 0; y < rows.length; y++) {
                picture.read(y, rows[y]);
            }
            return rows;
        }
    }

    /** A JPEG with an EXIF segment that holds nothing but an orientation. */
    private static byte[] withOrientation(byte[] jpeg, int orientation) {
        byte[] exif = {
            (byte) 0xff, (byte) 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
            0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, (byte) orientation, 0, 0, 0, 0, 0, 0
        };
        // Android 8.0 looks for EXIF only in files of 5,000 bytes and more; what follows a JPEG's end is ignored.
        byte[] whole = new byte[jpeg.length + exif.length + 5000];
        System.arraycopy(jpeg, 0, whole, 0, 2);
        System.arraycopy(exif, 0, whole, 2, exif.length);
        System.arraycopy(jpeg, 2, whole, 2 + exif.length, jpeg.length - 2);
        return whole;
    }

    @Test
    public void aSharedPictureIsAnsweredFromItsVeryPixels() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        offer(file(noise(100, 70), Bitmap.CompressFormat.PNG));
        Demo demo = Demo.start(send());
        assertEquals(UiState.Kind.PICTURE, demo.kind());
        ModelFile model = ModelFile.open(TestApp.files);
        Frame frame = new Frame(model.contract);
        frame.fill(Noise.bytes(11, 21000), 100, 70);
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            float[] expected = Classifier.probabilities(model.contract, classifier.run(frame.pixels));
            Answer answer = demo.activity().state.answer;
            assertEquals(expected[Answer.ranked(expected, 1)[0]], answer.best.get(0).probability, 0);
        }
        assertTrue(frame.bitmap().sameAs(demo.activity().state.image));
        assertTrue(demo.shown(R.id.picture));
        demo.press(R.id.to_camera);
        assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
    }

    @Test
    public void aPictureSharedMeanwhileIsAnsweredToo() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        Demo demo = Demo.start();
        offer(file(noise(10, 10), Bitmap.CompressFormat.PNG));
        demo.controller.pause().newIntent(send()).resume();
        Demo.settle();
        assertEquals(UiState.Kind.PICTURE, demo.kind());
    }

    @Test
    public void brokenMissingAndEmptyPicturesAreSaidToBe() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        for (byte[] file : new byte[][] {"no picture".getBytes(), {}, {(byte) 0xff, (byte) 0xd8, (byte) 0xff}}) {
            offer(file);
            Demo demo = Demo.start(send());
            assertEquals(UiState.Kind.PICTURE_ERROR, demo.kind());
            demo.press(R.id.button);
            assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
        }
        shadowOf(RuntimeEnvironment.getApplication().getContentResolver()).registerInputStreamSupplier(URI, () -> {
            throw new SecurityException("the grant has ended");
        });
        assertEquals(UiState.Kind.PICTURE_ERROR, Demo.start(send()).kind());
    }

    @Test
    public void sharingNothingIsAnOrdinaryStart() {
        assumeTrue(TestApp.files != null);
        Demo demo = Demo.start(new Intent(Intent.ACTION_SEND).setType("image/*"));
        assertFalse(demo.kind() == UiState.Kind.PICTURE_ERROR);
    }

    @Test
    public void allEightOrientationsComeUpright() throws Exception {
        byte[] jpeg = file(noise(24, 16), Bitmap.CompressFormat.JPEG);
        byte[][] plain = rows(jpeg);
        for (int orientation = 1; orientation <= 8; orientation++) {
            byte[][] upright = rows(withOrientation(jpeg, orientation));
            boolean sideways = orientation >= 5;
            assertEquals(sideways ? 24 : 16, upright.length);
            for (int y = 0; y < upright.length; y++) {
                for (int x = 0; x < upright[y].length / 3; x++) {
                    int[] from = stored(orientation, x, y);
                    byte[] expected = Arrays.copyOfRange(plain[from[1]], 3 * from[0], 3 * from[0] + 3);
                    assertArrayEquals("orientation " + orientation, expected,
                            Arrays.copyOfRange(upright[y], 3 * x, 3 * x + 3));
                }
            }
        }
    }

    /** Where a pixel of the upright picture is stored in one of 24 x 16, by the EXIF standard's table. */
    private static int[] stored(int orientation, int x, int y) {
        switch (orientation) {
            case 2:
                return new int[] {23 - x, y};
            case 3:
                return new int[] {23 - x, 15 - y};
            case 4:
                return new int[] {x, 15 - y};
            case 5:
                return new int[] {y, x};
            case 6:
                return new int[] {y, 15 - x};
            case 7:
                return new int[] {23 - y, 15 - x};
            case 8:
                return new int[] {23 - y, x};
            default:
                return new int[] {x, y};
        }
    }

    @Test
    public void alphaGoesOverBlackAsInPython() throws Exception {
        Bitmap bitmap = Bitmap.createBitmap(256, 1, Bitmap.Config.ARGB_8888);
        bitmap.setPremultiplied(false);
        for (int alpha = 0; alpha < 256; alpha++) {
            bitmap.setPixel(alpha, 0, alpha << 24 | 200 << 16 | 100 << 8 | 7);
        }
        bitmap.setPremultiplied(true);
        byte[] row = rows(file(unpremultiplied(bitmap), Bitmap.CompressFormat.PNG))[0];
        for (int alpha = 0; alpha < 256; alpha++) {
            assertEquals((200 * alpha + 127) / 255, row[3 * alpha] & 255);
            assertEquals((100 * alpha + 127) / 255, row[3 * alpha + 1] & 255);
            assertEquals((7 * alpha + 127) / 255, row[3 * alpha + 2] & 255);
        }
    }

    private static Bitmap unpremultiplied(Bitmap bitmap) {
        bitmap.setPremultiplied(false);
        return bitmap;
    }

    @Test
    @Config(sdk = 35) // The test's own way of drawing came with Android 10.
    public void anotherColourSpaceBecomesSrgb() throws Exception {
        ColorSpace wide = ColorSpace.get(ColorSpace.Named.DISPLAY_P3);
        Bitmap bitmap = Bitmap.createBitmap(4, 4, Bitmap.Config.ARGB_8888, false, wide);
        bitmap.eraseColor(Color.pack(0.6f, 0.5f, 0.4f, 1f, wide));
        byte[] row = rows(file(bitmap, Bitmap.CompressFormat.PNG))[0];
        float[] expected = ColorSpace.connect(wide, ColorSpace.get(ColorSpace.Named.SRGB)).transform(0.6f, 0.5f, 0.4f);
        for (int i = 0; i < 3; i++) {
            assertEquals(255 * expected[i], row[i] & 255, 2);
        }
        assertTrue(Math.abs(255 * 0.6 - 255 * expected[0]) > 3);
    }
}
