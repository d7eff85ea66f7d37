package org.vignette.demo;

import android.app.Activity;
import android.graphics.SurfaceTexture;
import android.hardware.display.DisplayManager;
import android.view.Surface;
import android.view.TextureView;

/** The camera's picture on the screen with the guide over it, placed anew whenever screen or view turn or change. */
final class Preview implements TextureView.SurfaceTextureListener, DisplayManager.DisplayListener {
    /** Hears of everything on the main thread. */
    interface Listener {
        /** There is a texture to draw into. */
        void onPreviewReady();

        /** @param texture to be released by the listener when nothing draws into it any more. */
        void onPreviewGone(SurfaceTexture texture);

        /** @param degrees clockwise, that make the camera's pictures upright. */
        void onRotation(int degrees);
    }

    private final Activity activity;
    private final TextureView view;
    private final GuideView guide;
    private final Listener listener;
    private Viewfinder viewfinder;
    private double contentAspect;

    Preview(Activity activity, Listener listener) {
        this.activity = activity;
        this.listener = listener;
        view = activity.findViewById(R.id.preview);
        guide = activity.findViewById(R.id.guide);
        view.setSurfaceTextureListener(this);
    }

    /** Starts to follow the screen's rotation. */
    void resume() {
        activity.getSystemService(DisplayManager.class).registerDisplayListener(this, null);
    }

    void pause() {
        activity.getSystemService(DisplayManager.class).unregisterDisplayListener(this);
    }

    /** Null until {@link Listener#onPreviewReady}. */
    SurfaceTexture texture() {
        return view.isAvailable() ? view.getSurfaceTexture() : null;
    }

    /** @param contentAspect width / height of the guide. */
    void show(Viewfinder viewfinder, double contentAspect) {
        this.viewfinder = viewfinder;
        this.contentAspect = contentAspect;
        place();
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
        // From one landscape to the other the activity is not told.
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
        listener.onPreviewGone(texture);
        return false;
    }

    @Override
    public void onSurfaceTextureUpdated(SurfaceTexture texture) {}
}
