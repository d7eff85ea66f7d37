package org.vignette.demo.camera;

import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.util.Size;

/** Which of the phone's cameras is used, and at which sizes. Immutable. */
final class Lens {
    final String id;
    final Size analysis;
    final Size preview;
    final Viewfinder viewfinder;

    private Lens(String id, Size analysis, Size preview, Viewfinder viewfinder) {
        this.id = id;
        this.analysis = analysis;
        this.preview = preview;
        this.viewfinder = viewfinder;
    }

    /**
     * The first rear camera, or any other if there is none.
     *
     * @return null if no camera delivers frames.
     */
    static Lens choose(CameraManager manager) throws CameraAccessException {
        Lens chosen = null;
        for (String id : manager.getCameraIdList()) {
            CameraCharacteristics about = manager.getCameraCharacteristics(id);
            Integer facing = about.get(CameraCharacteristics.LENS_FACING);
            boolean back = facing != null && facing == CameraCharacteristics.LENS_FACING_BACK;
            Lens lens = back || chosen == null ? read(id, about) : null;
            if (lens != null && back) {
                return lens;
            }
            chosen = chosen == null ? lens : chosen;
        }
        return chosen;
    }

    /** Null for cameras that only measure depth. */
    private static Lens read(String id, CameraCharacteristics about) {
        StreamConfigurationMap map = about.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        Size[] frames = map == null ? null : map.getOutputSizes(ImageFormat.YUV_420_888);
        Size[] previews = map == null ? null : map.getOutputSizes(SurfaceTexture.class);
        if (frames == null || frames.length == 0 || previews == null) {
            return null;
        }
        Integer sensor = about.get(CameraCharacteristics.SENSOR_ORIENTATION);
        Integer facing = about.get(CameraCharacteristics.LENS_FACING);
        Size analysis = StreamSize.analysis(frames);
        Viewfinder viewfinder = new Viewfinder(
                sensor == null ? 0 : sensor,
                facing != null && facing == CameraCharacteristics.LENS_FACING_FRONT,
                analysis.getWidth(), analysis.getHeight());
        return new Lens(id, analysis, StreamSize.preview(previews, analysis), viewfinder);
    }
}
