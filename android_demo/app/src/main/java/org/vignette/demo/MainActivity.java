package org.vignette.demo;

import android.app.Activity;
import android.content.Intent;
import android.graphics.Bitmap;
import android.graphics.SurfaceTexture;
import android.net.Uri;
import android.os.Bundle;

/**
 * The camera's screen: lifecycle and intents. It decides what comes next; {@link Camera}, {@link Model} and
 * {@link Shutter} do it on their own threads, {@link Screen} and {@link Preview} show it.
 */
public final class MainActivity extends Activity
        implements Model.Listener, Camera.Listener, Preview.Listener, Shutter.Host {
    private static final String DOUBTFUL = "doubtful";

    private Screen screen;
    Preview preview;
    private Camera camera;
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
        DemoApp app = (DemoApp) getApplication();
        doubtful = saved != null && saved.getBoolean(DOUBTFUL);
        permission = new CameraPermission(this);
        menu = new MainMenu(this, this::selfTest);
        shutter = new Shutter(this);
        screen = new Screen(this, this::act, shutter);
        screen.menu.setOnClickListener(view -> menu.open(view, contract != null));
        screen.shutter.setOnClickListener(view -> model.shoot());
        preview = new Preview(this, this);
        camera = new Camera(this, app.cameraThread(), app.modelThread(), this);
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
        camera.close();
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

    /** Does what is due next; called whenever something that was waited for has come. */
    private void advance() {
        if (!resumed || contract == null || state.stays()) {
            return;
        }
        Uri shared = shared();
        if (testWanted) {
            camera.close();
            show(UiState.of(UiState.Kind.TESTING));
            model.selfTest();
        } else if (shared != null) {
            show(UiState.of(UiState.Kind.LOADING));
            model.classify(shared);
        } else if (!permission.isGranted()) {
            show(UiState.of(permission.refused()));
        } else {
            show(UiState.live(null, doubtful));
            if (preview.texture() != null) {
                camera.open(preview.texture(), model);
            }
        }
    }

    private void act(UiState.Act act) {
        if (act == UiState.Act.ASK) {
            permission.ask();
        } else if (act == UiState.Act.SETTINGS) {
            permission.openSettings();
        } else {
            if (state.kind != UiState.Kind.TESTED) {
                // The shared picture has been seen; turning the phone must not bring it back.
                setIntent(new Intent(this, MainActivity.class));
            }
            show(UiState.of(UiState.Kind.LOADING));
            advance();
        }
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] results) {
        if (permission.wasAnswered(results)) {
            advance();
        }
    }

    private Uri shared() {
        Intent intent = getIntent();
        return Intent.ACTION_SEND.equals(intent.getAction()) ? intent.getParcelableExtra(Intent.EXTRA_STREAM) : null;
    }

    private void selfTest() {
        testWanted = true;
        show(UiState.of(UiState.Kind.LOADING));
        advance();
    }

    @Override
    public void look() {
        // It usually is still open.
        if (camera.isOpen()) {
            show(UiState.live(null, doubtful));
        } else {
            show(UiState.of(UiState.Kind.LOADING));
            advance();
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
    public void onModelWrong(BundleException wrong) {
        contract = null;
        camera.close();
        show(UiState.wrong(wrong));
    }

    @Override
    public void onAnswer(Answer answer) {
        if (state.kind == UiState.Kind.LIVE) {
            show(UiState.live(answer, doubtful));
        }
    }

    @Override
    public void onPicture(Answer answer, Bitmap seen) {
        show(UiState.picture(answer, seen, doubtful));
    }

    @Override
    public void onPictureWrong() {
        show(UiState.of(UiState.Kind.PICTURE_WRONG));
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
    public void onCameraOpened(Viewfinder opened) {
        preview.show(opened, contract.contentAspect);
    }

    @Override
    public void onCameraFailed(UiState.Kind kind) {
        if (state.kind != UiState.Kind.TAKEN) {
            show(UiState.of(kind));
        }
    }

    @Override
    public void onPreviewReady() {
        if (state.kind == UiState.Kind.LIVE) {
            advance();
        }
    }

    @Override
    public void onPreviewGone(SurfaceTexture texture) {
        camera.close(texture);
    }

    @Override
    public void onRotation(int degrees) {
        model.setRotation(degrees);
    }
}
