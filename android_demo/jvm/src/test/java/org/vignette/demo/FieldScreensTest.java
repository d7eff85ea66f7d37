package org.vignette.demo;

import static org.junit.Assume.assumeTrue;

import android.app.Activity;
import android.content.Intent;
import java.io.File;
import java.time.Instant;
import java.util.Set;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowAlertDialog;
import org.vignette.demo.benchmark.BenchmarkScreens;
import org.vignette.demo.core.Disk;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.ModelFile;
import org.vignette.demo.photos.Photo;
import org.vignette.demo.photos.PhotoMakerTest;
import org.vignette.demo.photos.Photos;
import org.vignette.demo.photos.PhotosActivity;

/** The screens of photos and benchmark by day, by night, in French and in landscape. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, qualifiers = "w360dp-h640dp-mdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class FieldScreensTest extends EveryLook {
    private static final Set<String> TELLING = Set.of(
            "photos-night", "taken-fr", "photos-fr", "benchmark_ready-fr", "benchmark_done-fr");

    private final Golden golden = new Golden(TELLING);
    private Contract contract;

    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.reset();
        TestApp.files = Made.bundle("int8");
        contract = ModelFile.open(TestApp.files).contract;
        Demo.testedBefore();
        Demo.allowCamera();
        FakeCamera.addBack();
    }

    @Test
    @Config(qualifiers = "w640dp-h360dp-land-mdpi")
    public void landscape() throws Exception {
        taken("-land");
        photos("-land");
        golden.shoot(BenchmarkScreens.done(), "benchmark_done-land");
        golden.assertAllEqual();
    }

    @Test
    @Config(qualifiers = "+night", fontScale = 2)
    public void largeFont() throws Exception {
        taken("-large");
        photos("-large");
        golden.shoot(BenchmarkScreens.done(), "benchmark_done-large");
        flavours("-large");
        golden.assertAllEqual();
    }

    @Override
    public void all(String variant) throws Exception {
        taken(variant);
        photos(variant);
        golden.shoot(BenchmarkScreens.ready(), "benchmark_ready" + variant);
        golden.shoot(BenchmarkScreens.running(), "benchmark_running" + variant);
        golden.shoot(BenchmarkScreens.done(), "benchmark_done" + variant);
        flavours(variant);
        golden.assertAllEqual();
    }

    /** The dialog of an app for the benchmark. */
    private void flavours(String variant) throws Exception {
        Made.Bundle files = Made.bundle("int8");
        for (String other : new String[] {"float32", "float16", "dynamic_range"}) {
            files.add(Made.bundle(other));
        }
        TestApp.files = files;
        Demo demo = Demo.start();
        demo.activity().show(UiState.live(null, false));
        demo.activity().findViewById(R.id.answer).performLongClick();
        golden.compare(Golden.draw(ShadowAlertDialog.getLatestAlertDialog().getWindow()), "flavours" + variant);
    }

    private Shot shot(long takenAt, int... bytes) {
        Frame frame = new Frame(contract);
        frame.fill(new FakeCamera.Frame(640, 480, (int) takenAt), 90);
        byte[] output = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            output[i] = (byte) bytes[i];
        }
        return new Shot(contract, frame, Classifier.Kernels.XNNPACK, output, 2, takenAt);
    }

    private void taken(String variant) throws Exception {
        Demo demo = Demo.start();
        Photo photo = Photo.of(shot(1, 60, 171, 20, 5), new File("a/b.png"), "", PhotoMakerTest.PHONE);
        demo.activity().show(UiState.taken(photo, Golden.scene(480, 270)));
        golden.shoot(demo.activity(), "taken" + variant);
    }

    private void photos(String variant) throws Exception {
        Activity empty = Robolectric.buildActivity(PhotosActivity.class, new Intent()).setup().get();
        if (variant.isEmpty()) {
            golden.shoot(empty, "photos_none");
        }
        long start = Instant.parse("2026-03-01T12:00:00Z").toEpochMilli();
        Photos photos = new Photos(new File(Demo.app().getExternalFilesDir(null), "photos"), new Disk());
        photos.label(photos.save(shot(start, 60, 171, 20, 5), PhotoMakerTest.PHONE), "kettle", start);
        photos.label(photos.save(shot(start + 1000, 80, 79, 50, 47), PhotoMakerTest.PHONE), "window", start);
        Photo damaged = photos.save(shot(start + 2000, 80, 79, 50, 47), PhotoMakerTest.PHONE);
        new Disk().write(Photo.document(damaged.picture), "{");
        photos.save(shot(start + 3000, 2, 3, 1, 250), PhotoMakerTest.PHONE);
        Activity activity = Robolectric.buildActivity(PhotosActivity.class, new Intent()).setup().get();
        // Once to start reading the thumbnails, once to draw them.
        Golden.draw(activity);
        golden.shoot(activity, "photos" + variant);
    }

}
