package androidx.test.runner.lifecycle;

/** Stand-in for the class of androidx.test that Robolectric calls: stages of an application. */
public enum ApplicationStage {
    PRE_ON_CREATE,
    CREATED
}
