package androidx.test.runner.intent;

import android.content.Intent;

/** Stand-in for the class of androidx.test that Robolectric calls: it is told of started intents. */
public interface IntentCallback {
    void onIntentSent(Intent intent);
}
