package org.vignette.demo;

import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.ExifInterface;
import android.media.ImageReader;
import org.junit.runners.model.FrameworkMethod;
import org.junit.runners.model.InitializationError;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.internal.bytecode.InstrumentationConfiguration;

/**
 * Keeps org.tensorflow.lite in the JVM's own class loader, because a native library can be loaded by one loader only
 * and the plain tests load it too.
 *
 * <p>Lists every class that any test shadows, for all tests alike: Robolectric would otherwise load Android again for
 * each set of shadows, which takes five seconds.
 */
public final class DemoRunner extends RobolectricTestRunner {
    public DemoRunner(Class<?> test) throws InitializationError {
        super(test);
    }

    @Override
    protected InstrumentationConfiguration createClassLoaderConfig(FrameworkMethod method) {
        return new InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))
                .doNotAcquirePackage("org.tensorflow.lite.")
                .addInstrumentedClass(CameraManager.class.getName())
                .addInstrumentedClass(CaptureRequest.Builder.class.getName())
                .addInstrumentedClass(ExifInterface.class.getName())
                .addInstrumentedClass(ImageReader.class.getName())
                .build();
    }
}
