package org.vignette.demo;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.os.Parcelable;
import org.vignette.demo.camera.CameraFailure;
import org.vignette.demo.camera.Preview;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Model;
import org.vignette.demo.model.SelfTest;
import org.vignette.demo.model.Shot;

/**
 * The camera screen: lifecycle and intents. It decides what happens next; {@link Model}, {@link Shutter} and
 * {@link Preview} do it on their own threads, and {@link Screen} shows it.
 */
public final class MainActivity extends Activity
        implements Model.Listener, Preview.Listener, Shutter.Host {
    private static final String DOUBTFUL = "doubtful";

    private Screen screen;
    Preview preview;
    private Model model;
    private Shutter shutter;
    private CameraPermission permission;
    private MainMenu menu;
    /** What is on the screen. */
    UiState state;
    private Contract contract;
    private boolean resumed;
    private boolean testWanted;
    private boolean doubtful;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        doubtful = saved != null && saved.getBoolean(DOUBTFUL);
        permission = new CameraPermission(this);
        menu = new MainMenu(this, this::selfTest);
        shutter = new Shutter(this);
        screen = new Screen(this, this::act, shutter);
        screen.menu.setOnClickListener(view -> menu.open(view, contract != null));
        screen.shutter.setOnClickListener(view -> model.shoot());
        preview = new Preview(this, this);
        show(UiState.of(UiState.Kind.LOADING));
    }

    @Override
    protected void onStart() {
        super.onStart();
        model = new Model((DemoApp) getApplication(), this);
        shutter.open();
    }

    @Override
    protected void onResume() {
        super.onResume();
        resumed = true;
        preview.resume();
        advance();
    }

    @Override
    protected void onPause() {
        resumed = false;
        menu.close();
        preview.pause();
        super.onPause();
    }

    @Override
    protected void onStop() {
        model.close();
        shutter.close();
        contract = null;
        super.onStop();
    }

    @Override
    protected void onSaveInstanceState(Bundle out) {
        super.onSaveInstanceState(out);
        out.putBoolean(DOUBTFUL, doubtful);
    }

    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        if (state.stays()) {
            show(UiState.of(UiState.Kind.LOADING));
        }
    }

    /** Takes the next step; called whenever something it was waiting for has happened. */
    @Override
    public void advance() {
        if (!resumed || contract == null || !shutter.isReady() || state.stays()) {
            return;
        }
        Parcelable sent = Sharing.of(getIntent());
        if (testWanted) {
            preview.close();
            show(UiState.of(UiState.Kind.TESTING));
            model.selfTest();
        } else if (sent instanceof Uri) {
            show(UiState.of(UiState.Kind.LOADING));
            model.classify((Uri) sent);
        } else if (sent != null) {
            onPictureError();
        } else if (shutter.question() != null) {
            show(shutter.question());
        } else if (!permission.isGranted()) {
            show(UiState.of(permission.refused()));
        } else {
            show(UiState.live(null, doubtful));
            preview.open(model, contract.contentAspect);
        }
    }

    private void act(UiState.Act act) {
        if (permission.handle(act)) {
            return;
        }
        if (state.kind != UiState.Kind.TESTED) {
            // The shared picture is done with; rotating the phone must not bring it back.
            setIntent(new Intent(this, MainActivity.class));
        }
        restart();
    }

    private void restart() {
        show(UiState.of(UiState.Kind.LOADING));
        advance();
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        if (permission.wasAnswered(results)) {
            advance();
        }
    }

    private void selfTest() {
        testWanted = true;
        restart();
    }

    @Override
    public void look() {
        // Usually it is still open.
        if (preview.isOpen()) {
            show(UiState.live(null, doubtful));
        } else {
            restart();
        }
    }

    @Override
    public UiState state() {
        return state;
    }

    @Override
    public void show(UiState next) {
        state = next;
        screen.show(next);
    }

    @Override
    public void onModelOpened(Contract opened, boolean tested) {
        contract = opened;
        testWanted |= !tested && !doubtful;
        advance();
    }

    @Override
    public void onModelAbsent() {
        show(UiState.of(UiState.Kind.NO_MODEL));
    }

    @Override
    public void onModelError(BundleException error) {
        contract = null;
        preview.close();
        show(UiState.modelError(error));
    }

    @Override
    public void onAnswer(Answer answer) {
        if (state.kind == UiState.Kind.LIVE) {
            show(UiState.live(answer, doubtful));
        }
    }

    @Override
    public void onPicture(Answer answer, Bitmap image) {
        show(UiState.picture(answer, image, doubtful));
    }

    @Override
    public void onPictureError() {
        show(UiState.of(UiState.Kind.PICTURE_ERROR));
    }

    @Override
    public void onShot(Shot shot) {
        shutter.keep(shot);
    }

    @Override
    public void onSelfTest(SelfTest.Report report) {
        testWanted = false;
        doubtful = !report.right();
        show(UiState.tested(report));
    }

    @Override
    public void onCameraFailed(CameraFailure failure) {
        if (state.kind != UiState.Kind.TAKEN) {
            show(UiState.cameraFailed(failure));
        }
    }

    @Override
    public void onPreviewReady() {
        if (state.kind == UiState.Kind.LIVE) {
            advance();
        }
    }

    @Override
    public void onRotation(int degrees) {
        model.setRotation(degrees);
    }
}
