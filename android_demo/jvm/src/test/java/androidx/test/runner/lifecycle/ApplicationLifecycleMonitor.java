package androidx.test.runner.lifecycle;

/** Stand-in for the class of androidx.test that Robolectric calls: it provides an application's stages. */
public interface ApplicationLifecycleMonitor {
    void addLifecycleCallback(ApplicationLifecycleCallback callback);

    void removeLifecycleCallback(ApplicationLifecycleCallback callback);
}
