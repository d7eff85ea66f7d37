package androidx.test.runner.lifecycle;

/** Stand-in for the class of androidx.test that Robolectric calls: stages of an activity. */
public enum Stage {
    PRE_ON_CREATE,
    CREATED,
    STARTED,
    RESUMED,
    PAUSED,
    STOPPED,
    RESTARTED,
    DESTROYED
}
