package androidx.test.runner.lifecycle;

import android.app.Activity;

/** Stand-in for the class of androidx.test that Robolectric calls: it is told of an activity's stages. */
public interface ActivityLifecycleCallback {
    void onActivityLifecycleChanged(Activity activity, Stage stage);
}
