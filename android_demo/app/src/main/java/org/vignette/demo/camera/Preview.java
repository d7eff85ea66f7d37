package org.vignette.demo.camera;

import android.app.Activity;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraDevice;
import android.hardware.display.DisplayManager;
import android.view.Surface;
import android.view.TextureView;
import org.vignette.demo.R;
import org.vignette.demo.core.App;
import org.vignette.demo.model.Model;

/**
 * The live camera picture on the screen with the guide over it, repositioned whenever the screen or the view changes.
 * Main thread only; the camera itself runs on its own threads.
 */
public final class Preview
        implements Camera.Listener, TextureView.SurfaceTextureListener, DisplayManager.DisplayListener {
    /** Why the camera delivers no frames. */
    public enum Failure {
        NO_CAMERA,
        NOT_ALLOWED,
        IN_USE,
        DISABLED,
        ERROR;

        static Failure of(CameraAccessException e) {
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
        static Failure of(int error) {
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

    /** Called on the main thread. */
    public interface Listener {
        /** There is now a texture to draw into, so the camera can be opened. */
        void onPreviewReady();

        /**
         * A camera is being opened, with its light off.
         *
         * @param torch whether it has a light.
         * @param flips whether the phone has one that looks the other way, too.
         */
        void onCamera(boolean torch, boolean flips);

        /** The camera is closed again. */
        void onCameraFailed(Failure failure);
    }

    /** How many updates of the view may still show the last picture of before. */
    private static final int MOST_OLD = 4;

    private final Activity activity;
    private final Camera camera;
    private final TextureView view;
    private final GuideView guide;
    private final Listener listener;
    /** Answers the frames. */
    private Model model;
    private Viewfinder viewfinder;
    private double contentAspect;
    /** Of the last picture before the camera was opened. */
    private long lastTimestamp;
    /** Of the view, since the camera was opened. */
    private int updates;

    /** @param activity whose application is an {@link App}. */
    public Preview(Activity activity, Listener listener) {
        this.activity = activity;
        App app = (App) activity.getApplication();
        camera = new Camera(activity, app.cameraThread(), app.modelThread(), this);
        this.listener = listener;
        view = activity.findViewById(R.id.preview);
        guide = activity.findViewById(R.id.guide);
        view.setSurfaceTextureListener(this);
    }

    /** Starts following the screen's rotation. */
    public void resume() {
        activity.getSystemService(DisplayManager.class).registerDisplayListener(this, null);
    }

    /** Also closes the camera. */
    public void pause() {
        camera.close();
        activity.getSystemService(DisplayManager.class).unregisterDisplayListener(this);
    }

    /**
     * Opens the camera if there is a texture to draw into.
     *
     * @param model receives the frames to analyse, and by how much to turn them.
     * @param contentAspect width / height of the guide.
     * @param front whether the camera is to face the user.
     */
    public void open(Model model, double contentAspect, boolean front) {
        this.model = model;
        this.contentAspect = contentAspect;
        if (view.isAvailable()) {
            // The texture still holds the last picture of before, which may be hours old.
            guide.setCovered(true);
            updates = 0;
            lastTimestamp = view.getSurfaceTexture().getTimestamp();
            camera.open(view.getSurfaceTexture(), model, front);
        }
    }

    /** Switches the open camera's light. */
    public void setTorch(boolean on) {
        camera.setTorch(on);
    }

    public void close() {
        camera.close();
    }

    /** Whether the camera has been opened and neither closed nor failed. */
    public boolean isOpen() {
        return camera.isOpen();
    }

    @Override
    public void onCameraOpened(Lens lens) {
        viewfinder = lens.viewfinder;
        place();
        listener.onCamera(lens.torch, lens.flips);
    }

    @Override
    public void onCameraFailed(Failure failure) {
        listener.onCameraFailed(failure);
    }

    private void place() {
        if (viewfinder == null) {
            return;
        }
        int degrees = displayDegrees();
        model.setRotation(viewfinder.uprightRotation(degrees));
        int width = view.getWidth();
        int height = view.getHeight();
        if (width > 0 && height > 0) {
            view.setTransform(viewfinder.transform(width, height, degrees, contentAspect));
            guide.setGuide(viewfinder.guide(width, height, degrees, contentAspect));
        }
    }

    private int displayDegrees() {
        switch (activity.getWindowManager().getDefaultDisplay().getRotation()) {
            case Surface.ROTATION_90:
                return 90;
            case Surface.ROTATION_180:
                return 180;
            case Surface.ROTATION_270:
                return 270;
            default:
                return 0;
        }
    }

    @Override
    public void onDisplayChanged(int display) {
        // The activity is not told when one landscape changes to the other.
        place();
    }

    @Override
    public void onDisplayAdded(int display) {}

    @Override
    public void onDisplayRemoved(int display) {}

    @Override
    public void onSurfaceTextureAvailable(SurfaceTexture texture, int width, int height) {
        place();
        listener.onPreviewReady();
    }

    @Override
    public void onSurfaceTextureSizeChanged(SurfaceTexture texture, int width, int height) {
        place();
    }

    @Override
    public boolean onSurfaceTextureDestroyed(SurfaceTexture texture) {
        camera.close(texture);
        return false;
    }

    @Override
    public void onSurfaceTextureUpdated(SurfaceTexture texture) {
        // A phone that tells no times has a new picture after some updates, too.
        if (texture.getTimestamp() != lastTimestamp || ++updates > MOST_OLD) {
            guide.setCovered(false);
        }
    }
}
