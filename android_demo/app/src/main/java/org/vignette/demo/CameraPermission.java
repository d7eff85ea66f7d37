package org.vignette.demo;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.provider.Settings;

/** Whether the app may use the camera, and which screen to show if not. */
final class CameraPermission {
    private static final int REQUEST = 1;

    private final Activity activity;
    private UiState.Kind refused = UiState.Kind.PERMISSION_WANTED;
    private boolean refusedBefore;

    CameraPermission(Activity activity) {
        this.activity = activity;
    }

    boolean isGranted() {
        boolean granted =
                activity.checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED;
        if (granted) {
            refused = UiState.Kind.PERMISSION_WANTED;
        }
        return granted;
    }

    /** The screen to show until it is granted. */
    UiState.Kind refused() {
        return refused;
    }

    /** Carries out what a button asks for; false if that is not about the permission. */
    boolean handle(UiState.Act act) {
        if (act == UiState.Act.ASK) {
            refusedBefore |= activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
            activity.requestPermissions(new String[] {Manifest.permission.CAMERA}, REQUEST);
        } else if (act == UiState.Act.SETTINGS) {
            activity.startActivity(new Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS,
                    Uri.fromParts("package", activity.getPackageName(), null)));
        } else {
            return false;
        }
        return true;
    }

    /** @return false if the dialog was interrupted rather than answered. */
    boolean wasAnswered(int[] results) {
        if (results.length == 0) {
            return false;
        }
        // Android asks at most twice; after that, only the settings help. Dismissing the dialog looks like the second
        // refusal, so that a first one is believed only the next time.
        boolean again = activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA);
        boolean blocked = !again && refusedBefore;
        refused = blocked ? UiState.Kind.PERMISSION_BLOCKED : UiState.Kind.PERMISSION_REFUSED;
        refusedBefore = true;
        return true;
    }
}
