package org.vignette.demo;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.os.Parcelable;
import org.vignette.demo.camera.Preview;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.Model;
import org.vignette.demo.model.SelfTest;

/** The camera screen: decides what happens next; others do it on their own threads, and {@link Screen} shows it. */
public final class MainActivity extends Activity implements Model.Listener, Preview.Listener, Shutter.Host {
    private static final String DOUBTFUL = "doubtful";
    private Screen screen;
    Preview preview;
    Model model;
    private Shutter shutter;
    private CameraPermission permission;
    private Controls controls;
    UiState state;
    private Contract contract;
    private boolean resumed;
    private boolean testWanted;
    /** The user asked for it; otherwise only a failure is shown. */
    private boolean testAsked;
    private boolean testing;
    private boolean doubtful;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        doubtful = saved != null && saved.getBoolean(DOUBTFUL);
        permission = new CameraPermission(this);
        screen = new Screen(this, this::act, photo -> shutter.ask(photo));
        shutter = new Shutter(this);
        preview = new Preview(this, this);
        controls = new Controls(this, preview, this::advance, this::selfTest);
        show(UiState.of(UiState.Kind.LOADING));
    }

    @Override
    protected void onStart() {
        super.onStart();
        model = new Model((DemoApp) getApplication(), this);
        controls.setModel(model);
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
        controls.close();
        preview.pause();
        super.onPause();
    }

    @Override
    protected void onStop() {
        model.close();
        shutter.close();
        contract = null;
        testing = false;
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
        if (!resumed || contract == null || !shutter.isReady() || testing || state.stays()) {
            return;
        }
        Parcelable sent = Sharing.of(getIntent());
        if (testWanted) {
            testing = true;
            preview.close();
            show(UiState.of(testAsked ? UiState.Kind.TESTING : UiState.Kind.LOADING));
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
            preview.open(model, contract.contentAspect, controls.front());
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent data) {
        if (request == Sharing.PICK && data != null) {
            setIntent(Sharing.picked(data));
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
        testAsked = true;
        testWanted = true;
        restart();
    }

    @Override
    public void look() {
        if (state.kind == UiState.Kind.TAKEN) {
            // Usually the camera is still open.
            show(preview.isOpen() ? UiState.live(null, doubtful) : UiState.of(UiState.Kind.LOADING));
        }
        if (!preview.isOpen()) {
            advance();
        }
    }

    @Override
    public void show(UiState next) {
        state = next;
        screen.show(next);
    }

    @Override
    public void onModelOpened(Contract opened, boolean tested) {
        contract = opened;
        controls.setContract(opened);
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
        testing = false;
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
        boolean shown = testAsked || !report.right();
        testWanted = false;
        testAsked = false;
        testing = false;
        doubtful = !report.right();
        if (shown) {
            show(UiState.tested(report));
        } else {
            advance();
        }
    }

    @Override
    public void onCamera(boolean torch, boolean flips) {
        controls.onCamera(torch, flips);
    }

    @Override
    public void onCameraFailed(Preview.Failure failure) {
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
}
