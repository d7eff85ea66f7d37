package org.vignette.demo.camera;

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
import android.util.Size;
import android.view.Surface;
import java.util.Arrays;

/**
 * The only owner of the camera: preview into a texture, analysis frames into an ImageReader, all on the camera thread.
 * Open and close are called on the main thread and return immediately; the listener is called there too, but never
 * after {@link #close}. Can be reopened.
 */
final class Camera {
    /** Called on the main thread. */
    interface Listener {
        void onCameraOpened(Lens lens);

        /** The camera is closed again. */
        void onCameraFailed(Preview.Failure failure);
    }

    /** One frame being processed, one waiting, one being filled. */
    private static final int IMAGES = 3;

    private final CameraManager manager;
    private final Handler thread;
    private final Handler frames;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Listener listener;
    /** Counts openings, so that late reports from an earlier one can be ignored. Main thread. */
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

    /** Opens a camera, its light off, until {@link #close}: that of the wanted side or any other. */
    void open(SurfaceTexture texture, ImageReader.OnImageAvailableListener consumer, boolean front) {
        int number = ++opening;
        open = true;
        thread.post(() -> {
            end();
            use = new Use(number, texture, consumer);
            use.begin(front);
        });
    }

    void setTorch(boolean on) {
        thread.post(() -> {
            if (use != null && use.session != null) {
                use.stream(on);
            }
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

    /** Like {@link #close}, then releases the texture. */
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
        private Size size;
        private ImageReader reader;
        private Surface preview;
        private CameraDevice device;
        private CameraCaptureSession session;

        Use(int number, SurfaceTexture texture, ImageReader.OnImageAvailableListener consumer) {
            this.number = number;
            this.texture = texture;
            this.consumer = consumer;
        }

        void begin(boolean front) {
            try {
                Lens lens = Lens.choose(manager, front);
                if (lens == null) {
                    fail(Preview.Failure.NO_CAMERA);
                    return;
                }
                size = lens.preview;
                preview = new Surface(texture);
                reader = ImageReader.newInstance(lens.analysis.getWidth(), lens.analysis.getHeight(),
                        ImageFormat.YUV_420_888, IMAGES);
                reader.setOnImageAvailableListener(consumer, frames);
                tell(number, () -> listener.onCameraOpened(lens));
                manager.openCamera(lens.id, this, thread);
            } catch (CameraAccessException e) {
                fail(Preview.Failure.of(e));
            } catch (SecurityException e) {
                // Permission was revoked after the check.
                fail(Preview.Failure.NOT_ALLOWED);
            } catch (IllegalArgumentException e) {
                // The camera was unplugged after it was listed.
                fail(Preview.Failure.ERROR);
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
                // On that thread, because closing frees the memory of a frame that may still be being read.
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
            // Just before the session takes it: until then, a view that is laid out again replaces it by its own.
            texture.setDefaultBufferSize(size.getWidth(), size.getHeight());
            try {
                device.createCaptureSession(
                        Arrays.asList(preview, reader.getSurface()), new SessionCallback(), thread);
            } catch (CameraAccessException e) {
                fail(Preview.Failure.of(e));
            } catch (IllegalArgumentException e) {
                // The screen's surface disappeared at this moment.
                fail(Preview.Failure.ERROR);
            }
        }

        @Override
        public void onDisconnected(CameraDevice lost) {
            lost.close();
            fail(Preview.Failure.IN_USE);
        }

        @Override
        public void onError(CameraDevice broken, int error) {
            broken.close();
            fail(Preview.Failure.of(error));
        }

        /** Starts the stream of frames, or changes the light. */
        void stream(boolean torch) {
            try {
                // The preview template focuses and exposes continuously.
                CaptureRequest.Builder request = device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                request.addTarget(preview);
                request.addTarget(reader.getSurface());
                request.set(CaptureRequest.FLASH_MODE,
                        torch ? CaptureRequest.FLASH_MODE_TORCH : CaptureRequest.FLASH_MODE_OFF);
                session.setRepeatingRequest(request.build(), null, thread);
            } catch (CameraAccessException e) {
                fail(Preview.Failure.of(e));
            } catch (IllegalStateException e) {
                // The device was lost; onDisconnected or onError follows with the reason.
                session = null;
            } catch (IllegalArgumentException e) {
                // The screen's surface disappeared at this moment.
                fail(Preview.Failure.ERROR);
            }
        }

        private void fail(Preview.Failure failure) {
            if (!ended) {
                end();
                tell(number, () -> {
                    open = false;
                    listener.onCameraFailed(failure);
                });
            }
        }

        private final class SessionCallback extends CameraCaptureSession.StateCallback {
            @Override
            public void onConfigured(CameraCaptureSession configured) {
                if (ended) {
                    configured.close();
                    return;
                }
                session = configured;
                stream(false);
            }

            @Override
            public void onConfigureFailed(CameraCaptureSession refused) {
                fail(Preview.Failure.ERROR);
            }
        }
    }
}
