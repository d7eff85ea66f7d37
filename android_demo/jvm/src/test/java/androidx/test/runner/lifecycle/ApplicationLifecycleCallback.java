package androidx.test.runner.lifecycle;

import android.app.Application;

/** Stand-in for the class of androidx.test that Robolectric calls: it is told of an application's stages. */
public interface ApplicationLifecycleCallback {
    void onApplicationLifecycleChanged(Application application, ApplicationStage stage);
}
