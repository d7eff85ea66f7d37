package org.vignette.demo;

import org.junit.runners.model.FrameworkMethod;
import org.junit.runners.model.InitializationError;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.internal.bytecode.InstrumentationConfiguration;

/**
 * Keeps org.tensorflow.lite in the JVM's own class loader, because a native library can be loaded by one loader only
 * and the plain tests load it too.
 */
public final class DemoRunner extends RobolectricTestRunner {
    public DemoRunner(Class<?> test) throws InitializationError {
        super(test);
    }

    @Override
    protected InstrumentationConfiguration createClassLoaderConfig(FrameworkMethod method) {
        return new InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))
                .doNotAcquirePackage("org.tensorflow.lite.")
                .build();
    }
}
