package org.vignette.demo;

import java.io.File;

/** The app with a bundle, a disk and a storage of the test's choice. */
public final class TestApp extends DemoApp {
    /** Null for what was built in. */
    static Files files;
    /** Null for a sound one. */
    static Disk disk;
    /** The phone's storage is not there. */
    static boolean unmounted;

    /** All as it usually is. */
    static void reset() {
        files = null;
        disk = null;
        unmounted = false;
    }

    @Override
    Files files() {
        return files == null ? super.files() : files;
    }

    @Override
    Disk disk() {
        return disk == null ? super.disk() : disk;
    }

    @Override
    File external() throws StorageException {
        if (unmounted) {
            throw new StorageException(R.string.storage_missing);
        }
        return super.external();
    }
}
