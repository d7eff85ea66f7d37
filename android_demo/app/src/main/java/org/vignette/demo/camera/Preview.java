package org.vignette.demo.camera;

import android.app.Activity;
import android.graphics.SurfaceTexture;
import android.hardware.display.DisplayManager;
import android.media.ImageReader;
import android.view.Surface;
import android.view.TextureView;
import org.vignette.demo.R;
import org.vignette.demo.core.App;

/**
 * The live camera picture on the screen with the guide over it, repositioned whenever the screen or the view changes.
 * Main thread only; the camera itself runs on its own threads.
 */
public final class Preview
        implements Camera.Listener, TextureView.SurfaceTextureListener, DisplayManager.DisplayListener {
    /** Called on the main thread. */
    public interface Listener {
        /** There is now a texture to draw into, so the camera can be opened. */
        void onPreviewReady();

        /** The camera is closed again. */
        void onCameraFailed(CameraFailure failure);

        /** @param degrees clockwise to turn the camera's pictures upright. */
        void onRotation(int degrees);
    }

    private final Activity activity;
    private final Camera camera;
    private final TextureView view;
    private final GuideView guide;
    private final Listener listener;
    private Viewfinder viewfinder;
    private double contentAspect;

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
     * @param consumer receives the frames to analyse.
     * @param contentAspect width / height of the guide.
     */
    public void open(ImageReader.OnImageAvailableListener consumer, double contentAspect) {
        this.contentAspect = contentAspect;
        if (view.isAvailable()) {
            camera.open(view.getSurfaceTexture(), consumer);
        }
    }

    public void close() {
        camera.close();
    }

    /** Whether the camera has been opened and neither closed nor failed. */
    public boolean isOpen() {
        return camera.isOpen();
    }

    @Override
    public void onCameraOpened(Viewfinder opened) {
        viewfinder = opened;
        place();
    }

    @Override
    public void onCameraFailed(CameraFailure failure) {
        listener.onCameraFailed(failure);
    }

    private void place() {
        if (viewfinder == null) {
            return;
        }
        int degrees = displayDegrees();
        listener.onRotation(viewfinder.uprightRotation(degrees));
        int width = view.getWidth();
        int height = view.getHeight();
        if (width > 0 && height > 0) {
            view.setTransform(viewfinder.transform(width, height, degrees));
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
    public void onSurfaceTextureUpdated(SurfaceTexture texture) {}
}
