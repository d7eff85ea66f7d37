package org.vignette.demo;

import static org.robolectric.Shadows.shadowOf;

import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.util.Size;
import android.view.Surface;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.ShadowCaptureRequestBuilder;
import org.robolectric.shadows.ShadowSystemClock;
import org.robolectric.shadows.StreamConfigurationMapBuilder;
import org.robolectric.util.ReflectionHelpers.ClassParameter;

/** Fake cameras and the frames they deliver. */
public final class FakeCamera {
    private FakeCamera() {}

    public static ShadowCameraManager manager() {
        return shadowOf(RuntimeEnvironment.getApplication().getSystemService(CameraManager.class));
    }

    /** A camera like most phones': 4:3 sensor, mounted sideways. */
    public static void add(String id, int facing, int sensorDegrees) {
        CameraCharacteristics about = ShadowCameraCharacteristics.newCameraCharacteristics();
        shadowOf(about).set(CameraCharacteristics.LENS_FACING, facing);
        shadowOf(about).set(CameraCharacteristics.SENSOR_ORIENTATION, sensorDegrees);
        shadowOf(about).set(CameraCharacteristics.FLASH_INFO_AVAILABLE,
                facing == CameraCharacteristics.LENS_FACING_BACK);
        StreamConfigurationMapBuilder map = StreamConfigurationMapBuilder.newBuilder();
        for (Size size : new Size[] {new Size(4000, 3000), new Size(1920, 1080), new Size(640, 480)}) {
            map.addOutputSize(ImageFormat.YUV_420_888, size);
            // What SurfaceTexture gets.
            map.addOutputSize(ImageFormat.PRIVATE, size);
        }
        shadowOf(about).set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, map.build());
        manager().addCamera(id, about);
    }

    public static void addBack() {
        add("0", CameraCharacteristics.LENS_FACING_BACK, 90);
    }

    /** Refuses to open, or lets a test break the camera later. */
    @Implements(CameraManager.class)
    public static final class Manager extends ShadowCameraManager {
        /** Thrown when the camera is opened next; null for none. */
        public static Exception refusal;
        /** The camera the app opened last, and its callback. */
        public static String opened;
        public static CameraDevice.StateCallback callback;
        /** What happens while the camera is being opened; null for nothing. */
        public static Runnable meanwhile;

        @RealObject private CameraManager self;

        /** Any camera that is open. */
        public static CameraDevice device() {
            return createdCameras.iterator().next();
        }

        @Implementation
        protected void openCamera(String id, CameraDevice.StateCallback callback, Handler handler)
                throws CameraAccessException {
            if (refusal instanceof CameraAccessException) {
                throw (CameraAccessException) refusal;
            }
            if (refusal instanceof RuntimeException) {
                throw (RuntimeException) refusal;
            }
            opened = id;
            Manager.callback = callback;
            if (meanwhile != null) {
                meanwhile.run();
            }
            Shadow.directlyOn(self, CameraManager.class, "openCamera",
                    ClassParameter.from(String.class, id),
                    ClassParameter.from(CameraDevice.StateCallback.class, callback),
                    ClassParameter.from(Handler.class, handler));
        }
    }

    /** Remembers whether the camera's light was asked for last. */
    @Implements(CaptureRequest.Builder.class)
    public static final class Light extends ShadowCaptureRequestBuilder {
        public static boolean on;

        @Override
        @Implementation
        protected <T> void set(CaptureRequest.Key<T> key, T value) {
            if (key.equals(CaptureRequest.FLASH_MODE)) {
                on = value.equals(CaptureRequest.FLASH_MODE_TORCH);
            }
            super.set(key, value);
        }
    }

    /** The reader the app created last; it delivers frames and remembers whether it was closed. */
    @Implements(ImageReader.class)
    public static final class Reader {
        public static Reader last;

        @RealObject private ImageReader self;
        private final Deque<Image> waiting = new ArrayDeque<>();
        private ImageReader.OnImageAvailableListener listener;
        private Handler handler;
        private Surface surface;
        public boolean closed;
        public int width;
        public int height;

        @Implementation
        protected static ImageReader newInstance(int width, int height, int format, int images) {
            ImageReader made = Shadow.newInstanceOf(ImageReader.class);
            last = Shadow.extract(made);
            last.surface = new Surface(new SurfaceTexture(3));
            last.width = width;
            last.height = height;
            return made;
        }

        @Implementation
        protected Surface getSurface() {
            return surface;
        }

        @Implementation
        protected void setOnImageAvailableListener(ImageReader.OnImageAvailableListener to, Handler on) {
            listener = to;
            handler = on;
        }

        @Implementation
        protected Image acquireLatestImage() {
            if (closed) {
                throw new IllegalStateException("ImageReader is closed");
            }
            Image newest = waiting.pollLast();
            waiting.forEach(Image::close);
            waiting.clear();
            return newest;
        }

        @Implementation
        protected void close() {
            closed = true;
        }

        /** A tenth of a second after those before. */
        public void deliver(Image... images) {
            ShadowSystemClock.advanceBy(Duration.ofMillis(100));
            deliverAtOnce(images);
        }

        public void deliverAtOnce(Image... images) {
            for (Image image : images) {
                waiting.add(image);
                handler.post(() -> listener.onImageAvailable(self));
            }
        }
    }

    /** A YUV_420_888 picture with padded rows and interleaved chroma, as many phones deliver it. */
    public static final class Frame extends PlainImage {
        public boolean closed;
        private final Plane[] planes;

        public Frame(int width, int height, int seed) {
            super(width, height);
            int row = width + 16;
            ByteBuffer luma = blocks(seed, row * (height - 1) + width);
            int chroma = row * (height / 2 - 1) + width - 1;
            planes = new Plane[] {
                plane(luma, row, 1), plane(blocks(seed + 1, chroma), row, 2), plane(blocks(seed + 2, chroma), row, 2)
            };
        }

        /** Coarse noise, because fine noise is grey to a model. */
        private static ByteBuffer blocks(int seed, int size) {
            byte[] noise = Noise.bytes(seed, size / 4096 + 1);
            ByteBuffer buffer = ByteBuffer.allocateDirect(size);
            for (int i = 0; i < size; i++) {
                buffer.put(noise[i / 4096]);
            }
            buffer.rewind();
            return buffer;
        }

        @Override
        public Plane[] getPlanes() {
            return planes;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
