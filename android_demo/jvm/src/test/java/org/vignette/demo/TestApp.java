package org.vignette.demo;

import java.io.File;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.StorageException;
import org.vignette.demo.model.Files;

/** The app with a bundle, a disk and a storage of the test's choice. */
public final class TestApp extends DemoApp {
    /** Null for what was built in. */
    public static Files files;
    /** Null for a sound one. */
    public static Disk disk;
    /** The phone's storage is not there. */
    public static boolean unmounted;

    /** All as it usually is. */
    public static void reset() {
        files = null;
        disk = null;
        unmounted = false;
    }

    @Override
    public Files files() {
        return files == null ? super.files() : files;
    }

    @Override
    public Disk disk() {
        return disk == null ? super.disk() : disk;
    }

    @Override
    public File external() throws StorageException {
        if (unmounted) {
            throw new StorageException(R.string.storage_missing);
        }
        return super.external();
    }
}
