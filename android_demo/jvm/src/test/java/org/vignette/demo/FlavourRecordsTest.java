package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.widget.PopupMenu;
import android.widget.TextView;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.nio.charset.StandardCharsets;
import org.json.JSONObject;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowPopupMenu;
import org.vignette.demo.core.Disk;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.photos.Photos;

/** Whatever tells which model answered names the flavour that the user chose. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class FlavourRecordsTest {
    private Made.Bundle files;

    @Before
    public void setUp() throws Exception {
        files = Demo.ready();
    }

    @Test
    public void aPhotoNamesTheModelThatAnsweredAndAsksAboutIt() throws Exception {
        files.add(Made.bundle("float32"));
        Contract float32 = ModelFile.open(Made.bundle("float32")).contract;
        Demo demo = Demo.start().drawn();
        demo.choose(1);
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        demo.activity().findViewById(R.id.shutter).performClick();
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        JSONObject asked = new JSONObject(demo.activity().state.photo.text());
        demo.press(R.id.none);
        demo.choose(0);
        Photos photos = new Photos(new File(Demo.app().getExternalFilesDir(null), "photos"), new Disk());
        JSONObject kept = new JSONObject(photos.album().photos.get(0).text());
        for (JSONObject photo : new JSONObject[] {asked, kept}) {
            assertEquals("float32", photo.getJSONObject("model").getString("flavour"));
            assertEquals("model_float32.tflite", photo.getJSONObject("model").getString("file"));
            assertEquals(float32.modelSha256, photo.getJSONObject("model").getString("sha256"));
        }
        new Disk().write(Made.FOLDER.resolve("written/photo/flavour.json").toFile(), kept.toString());
    }

    @Test
    public void aboutNamesTheOneInUseWithItsOwnVerdict() throws Exception {
        files.add(Made.bundle("float32"));
        files.files.put("verdict.json", verdict("passed"));
        files.files.put("verdict_float32.json", verdict("failed"));
        Demo demo = Demo.start().drawn();
        assertTrue(about(demo), about(demo).startsWith("Built-in model: int8 (model_int8.tflite"));
        demo.choose(1);
        String about = about(demo);
        assertTrue(about, about.startsWith("Built-in model: float32 (model_float32.tflite"));
        assertTrue(about, about.contains("It FAILED the gate on 36 pictures"));
        assertTrue(about, about.contains("✓ Passed the self-test on this phone."));
        files.files.remove("verdict_float32.json");
        assertTrue(about(demo).contains("It has not been through the gate"));
    }

    private static byte[] verdict(String verdict) {
        return ("{\"verdict\": \"" + verdict + "\", \"n\": 36, \"second_look\": false}")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** What the screen says that the menu opens. */
    private static String about(Demo demo) {
        demo.activity().findViewById(R.id.menu).performClick();
        PopupMenu menu = ShadowPopupMenu.getLatestPopupMenu();
        shadowOf(menu).getOnMenuItemClickListener().onMenuItemClick(menu.getMenu().findItem(R.id.about));
        Intent opened = shadowOf(demo.activity()).getNextStartedActivity();
        AboutActivity about = Robolectric.buildActivity(AboutActivity.class, opened).setup().get();
        Demo.settle();
        return ((TextView) about.findViewById(R.id.about)).getText().toString();
    }

    @Test
    public void aSharedPictureIsClassifiedAgainByTheChosenFlavour() throws Exception {
        files.add(Made.bundle("float32"));
        Uri uri = Uri.parse("content://pictures/1");
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        Golden.scene(320, 240).compress(Bitmap.CompressFormat.PNG, 100, png);
        shadowOf(Demo.app().getContentResolver()).registerInputStreamSupplier(
                uri, () -> new ByteArrayInputStream(png.toByteArray()));
        Demo demo = Demo.start(new Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, uri));
        assertEquals(UiState.Kind.PICTURE, demo.kind());
        assertTrue(demo.text(R.id.latency).startsWith("int8 · "));
        demo.choose(1);
        assertEquals(UiState.Kind.PICTURE, demo.kind());
        assertTrue(demo.text(R.id.latency).startsWith("float32 · "));
    }
}
