package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.media.ExifInterface;
import android.net.Uri;
import android.os.Build;
import android.provider.MediaStore;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;

/** Shares that are none, or not any more. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class, shadows = FakeCamera.Reader.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class SharingTest {
    private static final Uri URI = Uri.parse("content://gallery/1");

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.files = Made.bundle("int8");
        Demo.testedBefore();
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        Bitmap.createBitmap(10, 10, Bitmap.Config.ARGB_8888).compress(Bitmap.CompressFormat.PNG, 100, file);
        shadowOf(RuntimeEnvironment.getApplication().getContentResolver())
                .registerInputStreamSupplier(URI, () -> new ByteArrayInputStream(file.toByteArray()));
    }

    private static Intent send() {
        return new Intent(Intent.ACTION_SEND).setType("image/*").putExtra(Intent.EXTRA_STREAM, URI);
    }

    @Test
    public void whatIsNoAddressOfAPictureIsSaidToBe() {
        Intent odd = new Intent(Intent.ACTION_SEND).setType("image/*").putExtra(Intent.EXTRA_STREAM, new Intent());
        assertEquals(UiState.Kind.PICTURE_ERROR, Demo.start(odd).kind());
    }

    @Test
    public void theListOfRecentAppsBringsNoPictureBack() {
        Intent again = send().addFlags(Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY);
        assertEquals(UiState.Kind.PERMISSION_WANTED, Demo.start(again).kind());
    }

    @Test
    public void aPickedPictureIsClassified() {
        Demo.allowCamera();
        FakeCamera.addBack();
        Demo demo = Demo.start();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        demo.activity().findViewById(R.id.gallery).performClick();
        Intent pick = shadowOf(demo.activity()).getNextStartedActivityForResult().intent;
        assertEquals(Build.VERSION.SDK_INT < 33 ? Intent.ACTION_OPEN_DOCUMENT : MediaStore.ACTION_PICK_IMAGES,
                pick.getAction());
        assertEquals("image/*", pick.getType());
        demo.controller.pause().stop();
        shadowOf(demo.activity()).receiveResult(pick, Activity.RESULT_OK, new Intent().setData(URI));
        demo.controller.start().resume();
        Demo.settle();
        assertEquals(UiState.Kind.PICTURE, demo.kind());
        demo.press(R.id.to_camera);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void pickingNothingChangesNothing() {
        Demo.allowCamera();
        FakeCamera.addBack();
        Demo demo = Demo.start();
        demo.activity().findViewById(R.id.gallery).performClick();
        Intent pick = shadowOf(demo.activity()).getNextStartedActivityForResult().intent;
        shadowOf(demo.activity()).receiveResult(pick, Activity.RESULT_CANCELED, null);
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    /** Android's reader of EXIF, as it is on damaged files. */
    @Implements(ExifInterface.class)
    public static final class BrokenExif {
        @Implementation
        protected void __constructor__(InputStream in) {
            throw new ArrayIndexOutOfBoundsException("damaged");
        }
    }

    @Test
    @Config(shadows = {FakeCamera.Reader.class, BrokenExif.class})
    public void aPictureWhoseExifCannotBeReadIsTakenAsUpright() {
        assertEquals(UiState.Kind.PICTURE, Demo.start(send()).kind());
    }
}
