package androidx.test.runner.intent;

import android.app.Instrumentation;
import android.content.Intent;

/** Stand-in for the class of androidx.test that Robolectric calls: nothing here implements it. */
public interface IntentStubber {
    Instrumentation.ActivityResult getActivityResultForIntent(Intent intent);
}
