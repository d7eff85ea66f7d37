package org.vignette.demo.camera;

import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraDevice;

/** Why the camera delivers no frames. */
public enum CameraFailure {
    NO_CAMERA,
    NOT_ALLOWED,
    IN_USE,
    DISABLED,
    ERROR;

    static CameraFailure of(CameraAccessException e) {
        switch (e.getReason()) {
            case CameraAccessException.CAMERA_IN_USE:
            case CameraAccessException.MAX_CAMERAS_IN_USE:
                return IN_USE;
            case CameraAccessException.CAMERA_DISABLED:
                return DISABLED;
            default:
                return ERROR;
        }
    }

    /** @param error as given to {@link CameraDevice.StateCallback#onError}. */
    static CameraFailure of(int error) {
        switch (error) {
            case CameraDevice.StateCallback.ERROR_CAMERA_IN_USE:
            case CameraDevice.StateCallback.ERROR_MAX_CAMERAS_IN_USE:
                return IN_USE;
            case CameraDevice.StateCallback.ERROR_CAMERA_DISABLED:
                return DISABLED;
            default:
                return ERROR;
        }
    }
}
