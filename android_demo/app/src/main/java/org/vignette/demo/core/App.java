package org.vignette.demo.core;

import android.content.Context;
import android.os.Handler;
import java.io.File;

/** What all screens share for as long as the process lives: the background threads and the storage. */
public interface App {
    Context context();

    /** Opens and closes the camera and receives its callbacks. */
    Handler cameraThread();

    /** Reads frames and pictures and runs the model. */
    Handler modelThread();

    /** Writes, reads and deletes the user's photos. */
    Handler storageThread();

    /** Writes files. */
    Disk disk();

    /**
     * The folder that adb and the user can reach. Not for the main thread.
     *
     * @throws LocalizedException the storage is currently unavailable.
     */
    File external() throws LocalizedException;
}
