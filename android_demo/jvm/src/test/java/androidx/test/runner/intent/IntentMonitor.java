package androidx.test.runner.intent;

/** Stand-in for the class of androidx.test that Robolectric calls: it provides started intents. */
public interface IntentMonitor {
    void addIntentCallback(IntentCallback callback);

    void removeIntentCallback(IntentCallback callback);
}
