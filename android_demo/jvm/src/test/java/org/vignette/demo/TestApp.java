package org.vignette.demo;

import java.io.File;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Files;

/** The app with a bundle, disk and storage chosen by the test. */
public final class TestApp extends DemoApp {
    /** Null for the built-in bundle. */
    public static Files files;
    /** Null for a working disk. */
    public static Disk disk;
    /** The phone's storage is unavailable. */
    public static boolean unmounted;

    /** Restores the defaults. */
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
    public File external() throws LocalizedException {
        if (unmounted) {
            throw new LocalizedException(R.string.storage_missing);
        }
        return super.external();
    }
}
