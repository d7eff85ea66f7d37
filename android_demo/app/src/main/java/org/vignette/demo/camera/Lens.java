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
    /** More than enough for a frame of 224 pixels, and cheap to convert: 640 × 480. */
    private static final int ANALYSIS_PIXELS = 640 * 480;
    private static final int MOST_PREVIEW_PIXELS = 1440 * 1080;

    final String id;
    final Size analysis;
    final Size preview;
    final Viewfinder viewfinder;
    /** Whether it has a light. */
    final boolean torch;
    /** Whether the phone has one that looks the other way, too. */
    final boolean flips;

    private Lens(String id, CameraCharacteristics about, Size[] frames, Size[] previews, boolean flips) {
        this.id = id;
        Integer sensor = about.get(CameraCharacteristics.SENSOR_ORIENTATION);
        analysis = analysis(frames);
        preview = preview(previews, analysis);
        viewfinder = new Viewfinder(sensor == null ? 0 : sensor,
                faces(about, CameraCharacteristics.LENS_FACING_FRONT), analysis.getWidth(), analysis.getHeight());
        torch = Boolean.TRUE.equals(about.get(CameraCharacteristics.FLASH_INFO_AVAILABLE));
        this.flips = flips;
    }

    /**
     * The first camera of the wanted side, or any other if there is none.
     *
     * @param front whether it is to face the user.
     * @return null if no camera delivers frames.
     */
    static Lens choose(CameraManager manager, boolean front) throws CameraAccessException {
        String wanted = null;
        String other = null;
        int facing = front ? CameraCharacteristics.LENS_FACING_FRONT : CameraCharacteristics.LENS_FACING_BACK;
        for (String id : manager.getCameraIdList()) {
            CameraCharacteristics about = manager.getCameraCharacteristics(id);
            if (sizes(about) == null) {
                continue;
            }
            if (!faces(about, facing)) {
                other = other == null ? id : other;
            } else if (wanted == null) {
                wanted = id;
            }
        }
        String id = wanted == null ? other : wanted;
        if (id == null) {
            return null;
        }
        CameraCharacteristics about = manager.getCameraCharacteristics(id);
        StreamConfigurationMap map = sizes(about);
        return new Lens(id, about, map.getOutputSizes(ImageFormat.YUV_420_888),
                map.getOutputSizes(SurfaceTexture.class), wanted != null && other != null);
    }

    private static boolean faces(CameraCharacteristics about, int side) {
        Integer facing = about.get(CameraCharacteristics.LENS_FACING);
        return facing != null && facing == side;
    }

    /** Null for cameras that only measure depth. */
    private static StreamConfigurationMap sizes(CameraCharacteristics about) {
        StreamConfigurationMap map = about.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
        Size[] frames = map == null ? null : map.getOutputSizes(ImageFormat.YUV_420_888);
        boolean useless = frames == null || frames.length == 0 || map.getOutputSizes(SurfaceTexture.class) == null;
        return useless ? null : map;
    }

    /**
     * The size nearest to 640 × 480 in pixels and to 4:3 in shape: most sensors are 4:3, so that crops the least.
     *
     * @param offered never empty, since every camera has sizes for this format.
     */
    static Size analysis(Size[] offered) {
        Size best = null;
        for (Size size : offered) {
            if (best == null || distance(size) < distance(best)) {
                best = size;
            }
        }
        return best;
    }

    /** The largest size of the same shape up to 1440 × 1080, or else the analysis size itself. */
    static Size preview(Size[] offered, Size analysis) {
        Size best = analysis;
        for (Size size : offered) {
            boolean sameShape = (long) size.getWidth() * analysis.getHeight()
                    == (long) size.getHeight() * analysis.getWidth();
            if (sameShape && pixels(size) <= MOST_PREVIEW_PIXELS && pixels(size) > pixels(best)) {
                best = size;
            }
        }
        return best;
    }

    private static double distance(Size size) {
        double shape = Math.abs(Math.log(3.0 * size.getWidth() / (4.0 * size.getHeight())));
        return Math.abs(Math.log((double) pixels(size) / ANALYSIS_PIXELS)) + shape;
    }

    private static int pixels(Size size) {
        return size.getWidth() * size.getHeight();
    }
}
