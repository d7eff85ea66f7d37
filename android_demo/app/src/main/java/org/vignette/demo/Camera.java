package org.vignette.demo;

import android.content.Context;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.ImageReader;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import java.util.Arrays;

/**
 * The one owner of the camera: preview into a texture, analysis frames into an ImageReader, everything on the camera
 * thread. Open and close are called on the main thread and return at once; the listener is told there too, and
 * nothing after {@link #close}. May be opened again.
 */
final class Camera {
    /** Hears of everything on the main thread. */
    interface Listener {
        void onCameraOpened(Viewfinder viewfinder);

        /** @param kind the screen that explains it; the camera is closed again. */
        void onCameraFailed(UiState.Kind kind);
    }

    /** One frame in work, one waiting, one being filled. */
    private static final int IMAGES = 3;

    private final CameraManager manager;
    private final Handler thread;
    private final Handler frames;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Listener listener;
    /** Counts openings, so that what an earlier one still reports is known as late. Main thread. */
    private int opening;
    /** Main thread. */
    private boolean open;
    /** Camera thread. */
    private Use use;

    /**
     * @param thread where the camera is opened and closed.
     * @param frames where analysis frames are read.
     */
    Camera(Context context, Handler thread, Handler frames, Listener listener) {
        manager = context.getSystemService(CameraManager.class);
        this.thread = thread;
        this.frames = frames;
        this.listener = listener;
    }

    /** Opens the back camera, or any if there is none at the back. Its use ends with {@link #close}. */
    void open(SurfaceTexture texture, ImageReader.OnImageAvailableListener consumer) {
        int number = ++opening;
        open = true;
        thread.post(() -> {
            end();
            use = new Use(number, texture, consumer);
            use.begin();
        });
    }

    void close() {
        opening++;
        open = false;
        thread.post(this::end);
    }

    /** Whether it has been opened and neither closed nor failed. */
    boolean isOpen() {
        return open;
    }

    /** As {@link #close}, and then gives the texture back. */
    void close(SurfaceTexture texture) {
        close();
        thread.post(texture::release);
    }

    private void end() {
        if (use != null) {
            use.end();
            use = null;
        }
    }

    private void tell(int number, Runnable news) {
        main.post(() -> {
            if (number == opening) {
                news.run();
            }
        });
    }

    /** One use of the camera, from opening to closing. Camera thread only. */
    private final class Use extends CameraDevice.StateCallback {
        private final int number;
        private final SurfaceTexture texture;
        private final ImageReader.OnImageAvailableListener consumer;
        private boolean ended;
        private ImageReader reader;
        private Surface preview;
        private CameraDevice device;
        private CameraCaptureSession session;

        Use(int number, SurfaceTexture texture, ImageReader.OnImageAvailableListener consumer) {
            this.number = number;
            this.texture = texture;
            this.consumer = consumer;
        }

        void begin() {
            try {
                Lens lens = Lens.choose(manager);
                if (lens == null) {
                    fail(UiState.Kind.NO_CAMERA);
                    return;
                }
                texture.setDefaultBufferSize(lens.preview.getWidth(), lens.preview.getHeight());
                preview = new Surface(texture);
                reader = ImageReader.newInstance(lens.analysis.getWidth(), lens.analysis.getHeight(),
                        ImageFormat.YUV_420_888, IMAGES);
                reader.setOnImageAvailableListener(consumer, frames);
                tell(number, () -> listener.onCameraOpened(lens.viewfinder));
                manager.openCamera(lens.id, this, thread);
            } catch (CameraAccessException e) {
                fail(screen(e));
            } catch (SecurityException e) {
                // Permission was withdrawn between the check and now.
                fail(UiState.Kind.PERMISSION_WANTED);
            } catch (IllegalArgumentException e) {
                // The camera was unplugged after it had been listed.
                fail(UiState.Kind.CAMERA_ERROR);
            }
        }

        void end() {
            ended = true;
            if (session != null) {
                session.close();
            }
            if (device != null) {
                device.close();
            }
            if (preview != null) {
                preview.release();
            }
            if (reader != null) {
                // There, because closing pulls the memory away from under a frame that is being read.
                frames.post(reader::close);
            }
        }

        @Override
        public void onOpened(CameraDevice opened) {
            if (ended) {
                opened.close();
                return;
            }
            device = opened;
            try {
                device.createCaptureSession(
                        Arrays.asList(preview, reader.getSurface()), new SessionCallback(), thread);
            } catch (CameraAccessException e) {
                fail(screen(e));
            } catch (IllegalArgumentException e) {
                // The screen's surface went away at this very moment.
                fail(UiState.Kind.CAMERA_ERROR);
            }
        }

        @Override
        public void onDisconnected(CameraDevice lost) {
            lost.close();
            fail(UiState.Kind.CAMERA_TAKEN);
        }

        @Override
        public void onError(CameraDevice broken, int error) {
            broken.close();
            if (error == ERROR_CAMERA_IN_USE || error == ERROR_MAX_CAMERAS_IN_USE) {
                fail(UiState.Kind.CAMERA_TAKEN);
            } else if (error == ERROR_CAMERA_DISABLED) {
                fail(UiState.Kind.CAMERA_DISABLED);
            } else {
                fail(UiState.Kind.CAMERA_ERROR);
            }
        }

        private void fail(UiState.Kind kind) {
            if (!ended) {
                end();
                tell(number, () -> {
                    open = false;
                    listener.onCameraFailed(kind);
                });
            }
        }

        /** Starts the stream of frames. */
        private final class SessionCallback extends CameraCaptureSession.StateCallback {
            @Override
            public void onConfigured(CameraCaptureSession configured) {
                if (ended) {
                    configured.close();
                    return;
                }
                session = configured;
                try {
                    // The preview template focuses and exposes continuously by itself.
                    CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                    request.addTarget(preview);
                    request.addTarget(reader.getSurface());
                    session.setRepeatingRequest(request.build(), null, thread);
                } catch (CameraAccessException e) {
                    fail(screen(e));
                } catch (IllegalStateException e) {
                    // The device was lost; onDisconnected or onError follows and says why.
                    session = null;
                } catch (IllegalArgumentException e) {
                    // The screen's surface went away at this very moment.
                    fail(UiState.Kind.CAMERA_ERROR);
                }
            }

            @Override
            public void onConfigureFailed(CameraCaptureSession refused) {
                fail(UiState.Kind.CAMERA_ERROR);
            }
        }
    }

    private static UiState.Kind screen(CameraAccessException e) {
        switch (e.getReason()) {
            case CameraAccessException.CAMERA_IN_USE:
            case CameraAccessException.MAX_CAMERAS_IN_USE:
                return UiState.Kind.CAMERA_TAKEN;
            case CameraAccessException.CAMERA_DISABLED:
                return UiState.Kind.CAMERA_DISABLED;
            default:
                return UiState.Kind.CAMERA_ERROR;
        }
    }
}
