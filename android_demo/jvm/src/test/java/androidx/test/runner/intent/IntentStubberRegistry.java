package androidx.test.runner.intent;

/** Stand-in for the class of androidx.test that Robolectric calls: it asks whether intents are stubbed. */
public final class IntentStubberRegistry {
    private IntentStubberRegistry() {}

    public static boolean isLoaded() {
        return false;
    }

    public static IntentStubber getInstance() {
        throw new IllegalStateException("no intents are stubbed here");
    }
}
