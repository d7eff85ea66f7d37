package androidx.test.platform.app;

import android.app.Instrumentation;
import android.os.Bundle;

/** Stand-in for the class of androidx.test that Robolectric calls: it registers the instrumentation and reads it back. */
public final class InstrumentationRegistry {
    private static volatile Instrumentation instrumentation;
    private static volatile Bundle arguments;

    private InstrumentationRegistry() {}

    public static void registerInstance(Instrumentation registered, Bundle bundle) {
        instrumentation = registered;
        arguments = bundle == null ? null : new Bundle(bundle);
    }

    public static Instrumentation getInstrumentation() {
        if (instrumentation == null) {
            throw new IllegalStateException("no instrumentation registered");
        }
        return instrumentation;
    }

    public static Bundle getArguments() {
        return arguments;
    }
}
