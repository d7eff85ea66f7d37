package org.vignette.demo;

import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.content.Intent;
import android.graphics.SurfaceTexture;
import android.os.Bundle;
import android.os.Looper;
import android.view.TextureView;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.TextView;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadows.ShadowAlertDialog;
import org.robolectric.shadows.ShadowCameraManager;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;

/** Drives the running app in tests. */
public final class Demo {
    public final ActivityController<MainActivity> controller;

    private Demo(Intent intent, Bundle saved) {
        controller = Robolectric.buildActivity(MainActivity.class, intent);
        if (saved == null) {
            controller.setup();
        } else {
            controller.setup(saved);
        }
        settle();
    }

    public static TestApp app() {
        return (TestApp) RuntimeEnvironment.getApplication();
    }

    public static void allowCamera() {
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA);
    }

    /** A model that has already passed its self-test, so that the app goes straight to the camera. */
    public static void testedBefore() throws Exception {
        Files files = TestApp.files == null ? Made.bundle("int8") : TestApp.files;
        Contract contract = ModelFile.open(files).contract;
        String passed = contract.modelSha256 + " " + contract.version;
        app().getSharedPreferences("self_test", 0).edit().putBoolean(passed, true).commit();
    }

    /** A phone with a camera at its back, on which the app has its permission and a tested model. */
    public static Made.Bundle ready() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        ShadowCameraManager.reset();
        FakeCamera.Manager.refusal = null;
        FakeCamera.Reader.last = null;
        TestApp.reset();
        Made.Bundle files = Made.bundle("int8");
        TestApp.files = files;
        testedBefore();
        allowCamera();
        FakeCamera.addBack();
        return files;
    }

    public static Demo start() {
        return start(new Intent(Intent.ACTION_MAIN));
    }

    public static Demo start(Intent intent) {
        return new Demo(intent, null);
    }

    /** Starts again as Android does after the end of the process. */
    public static Demo restore(Bundle saved) {
        return new Demo(new Intent(Intent.ACTION_MAIN), saved);
    }

    /** Lets all threads finish their pending work. */
    public static void settle() {
        for (int i = 0; i < 5; i++) {
            shadowOf(app().cameraThread().getLooper()).idle();
            shadowOf(app().modelThread().getLooper()).idle();
            shadowOf(app().storageThread().getLooper()).idle();
            shadowOf(Looper.getMainLooper()).idle();
        }
    }

    public MainActivity activity() {
        return controller.get();
    }

    public UiState.Kind kind() {
        return activity().state.kind;
    }

    /** What the dialog behind the answer offers. */
    public ViewGroup flavours() {
        activity().findViewById(R.id.answer).performLongClick();
        return ShadowAlertDialog.getLatestAlertDialog().findViewById(R.id.flavours);
    }

    /** Switches to another flavour by its place, then draws the screen that starts. */
    public void choose(int place) {
        ViewGroup flavours = flavours();
        // The title is first.
        flavours.getChildAt(1 + place).performClick();
        settle();
        drawn();
    }

    /** Gives the preview its texture, which on a phone happens at the first draw. */
    public Demo drawn() {
        TextureView preview = activity().findViewById(R.id.preview);
        SurfaceTexture texture = new SurfaceTexture(1);
        preview.setSurfaceTexture(texture);
        preview.getSurfaceTextureListener().onSurfaceTextureAvailable(texture, preview.getWidth(), preview.getHeight());
        settle();
        return this;
    }

    public String text(int id) {
        return ((TextView) activity().findViewById(id)).getText().toString();
    }

    public boolean shown(int id) {
        View view = activity().findViewById(id);
        return view.isShown();
    }

    public void press(int id) {
        ((Button) activity().findViewById(id)).performClick();
        settle();
    }
}
