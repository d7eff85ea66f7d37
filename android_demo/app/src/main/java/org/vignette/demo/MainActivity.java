package org.vignette.demo;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Bundle;
import android.os.Parcelable;
import java.util.List;
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
    /** The screen during the self-test that is to be run: LOADING if only a failure is shown; null for none. */
    private UiState.Kind test;
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
        // A failed self-test says nothing about another flavour.
        controls = new Controls(this, saved, preview, this::advance, this::selfTest, () -> doubtful = false);
        show(UiState.of(UiState.Kind.LOADING));
    }

    @Override
    protected void onStart() {
        super.onStart();
        model = new Model((DemoApp) getApplication(), controls.flavour(), this);
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
        controls.save(out);
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
        if (test != null) {
            testing = true;
            preview.close();
            show(UiState.of(test));
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
        if (permission.handle(act) || controls.handle(act)) {
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
        test = UiState.Kind.TESTING;
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
    public void onModelOpened(Contract opened, List<String> flavours, boolean tested) {
        contract = opened;
        controls.setContract(opened, flavours);
        test = test == null && !tested && !doubtful ? UiState.Kind.LOADING : test;
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
        show(UiState.modelError(error, controls.flavour()));
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
        boolean asked = test == UiState.Kind.TESTING;
        test = null;
        testing = false;
        doubtful = !report.right();
        if (asked || doubtful) {
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
