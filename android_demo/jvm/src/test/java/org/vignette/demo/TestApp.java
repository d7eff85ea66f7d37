package org.vignette.demo;

/** The app with a bundle of the test's choice. */
public final class TestApp extends DemoApp {
    /** Null for what was built in. */
    static Files files;

    @Override
    Files files() {
        return files == null ? super.files() : files;
    }
}
