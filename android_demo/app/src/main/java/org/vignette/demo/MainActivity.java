package org.vignette.demo;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.graphics.Bitmap;
import android.graphics.SurfaceTexture;
import android.net.Uri;
import android.os.Bundle;
import android.provider.Settings;
import android.view.View;
import android.widget.PopupMenu;

/**
 * The one screen: lifecycle, permission and intents. It decides what comes next; {@link Camera} and {@link Model} do
 * it on their own threads, {@link Screen} and {@link Preview} show it.
 */
public final class MainActivity extends Activity implements Model.Listener, Camera.Listener, Preview.Listener {
    private static final int REQUEST = 1;
    private static final String DOUBTFUL = "doubtful";

    private Screen screen;
    Preview preview;
    private Camera camera;
    private Model model;
    /** What is on the screen. */
    UiState state;
    private Contract contract;
    /** While it is open. */
    private PopupMenu menu;
    private boolean resumed;
    private boolean testWanted;
    private boolean doubtful;
    private UiState.Kind unpermitted = UiState.Kind.PERMISSION_WANTED;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        DemoApp app = (DemoApp) getApplication();
        doubtful = saved != null && saved.getBoolean(DOUBTFUL);
        screen = new Screen(this, this::act);
        screen.menu.setOnClickListener(this::openMenu);
        preview = new Preview(this, this);
        camera = new Camera(this, app.cameraThread(), app.modelThread(), this);
        show(UiState.of(UiState.Kind.LOADING));
    }

    @Override
    protected void onStart() {
        super.onStart();
        model = new Model((DemoApp) getApplication(), this);
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
        if (menu != null) {
            // A window of its own, which would outlive this one.
            menu.dismiss();
        }
        preview.pause();
        camera.close();
        super.onPause();
    }

    @Override
    protected void onStop() {
        model.close();
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
        } else if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            show(UiState.of(unpermitted));
        } else {
            unpermitted = UiState.Kind.PERMISSION_WANTED;
            show(UiState.live(null, doubtful));
            if (preview.texture() != null) {
                camera.open(preview.texture(), model);
            }
        }
    }

    private void act(UiState.Act act) {
        if (act == UiState.Act.ASK) {
            requestPermissions(new String[] {Manifest.permission.CAMERA}, REQUEST);
        } else if (act == UiState.Act.SETTINGS) {
            startActivity(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                    Uri.fromParts("package", getPackageName(), null)));
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
        if (results.length == 0) {
            // The question was interrupted, not answered.
            return;
        }
        // Android asks twice at most; after that, only the settings help.
        boolean again = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        unpermitted = again ? UiState.Kind.PERMISSION_REFUSED : UiState.Kind.PERMISSION_BLOCKED;
        advance();
    }

    private Uri shared() {
        Intent intent = getIntent();
        return Intent.ACTION_SEND.equals(intent.getAction()) ? intent.getParcelableExtra(Intent.EXTRA_STREAM) : null;
    }

    private void openMenu(View anchor) {
        menu = new PopupMenu(this, anchor);
        menu.inflate(R.menu.main);
        menu.getMenu().findItem(R.id.self_test).setEnabled(contract != null);
        menu.setOnMenuItemClickListener(item -> {
            if (item.getItemId() == R.id.licences) {
                startActivity(new Intent(this, LicencesActivity.class));
            } else {
                testWanted = true;
                show(UiState.of(UiState.Kind.LOADING));
                advance();
            }
            return true;
        });
        menu.show();
    }

    void show(UiState next) {
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
        show(UiState.of(kind));
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
