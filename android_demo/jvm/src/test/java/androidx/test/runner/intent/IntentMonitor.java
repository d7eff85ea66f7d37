package androidx.test.runner.intent;

/** Stand-in for the class of androidx.test that Robolectric calls: it hands out started intents. */
public interface IntentMonitor {
    void addIntentCallback(IntentCallback callback);

    void removeIntentCallback(IntentCallback callback);
}
