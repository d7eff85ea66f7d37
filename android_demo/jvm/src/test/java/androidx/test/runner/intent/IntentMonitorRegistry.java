package androidx.test.runner.intent;

/** Stand-in for the class of androidx.test that Robolectric calls: it holds the one monitor. */
public final class IntentMonitorRegistry {
    private static volatile IntentMonitor instance;

    private IntentMonitorRegistry() {}

    public static IntentMonitor getInstance() {
        return instance;
    }

    public static void registerInstance(IntentMonitor monitor) {
        instance = monitor;
    }
}
