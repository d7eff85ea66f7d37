package org.vignette.demo;

import android.app.Application;
import android.os.Handler;
import android.os.HandlerThread;
import android.util.Log;
import java.io.File;

/**
 * What lives as long as the process: the threads off the main one, and the benchmark. Since every screen shares them,
 * what one screen closes is closed before the next one opens it.
 */
public class DemoApp extends Application {
    private Handler cameraThread;
    private Handler modelThread;
    private Handler storageThread;
    private BenchmarkSession benchmark;
    private boolean modelInUse;

    @Override
    public void onCreate() {
        super.onCreate();
        cameraThread = thread("camera");
        modelThread = thread("model");
        storageThread = thread("storage");
        benchmark = new BenchmarkSession(this);
        storageThread.post(this::makeModelsFolder);
    }

    /** So that adb finds a folder of the app's own to put models into. */
    private void makeModelsFolder() {
        try {
            new File(external(), "models").mkdirs();
        } catch (StorageException e) {
            // Whoever needs the storage says so.
            Log.w("Vignette", e.words(Phone.english(this)));
        }
    }

    /** Opens, closes and is called back by the camera. */
    final Handler cameraThread() {
        return cameraThread;
    }

    /** Reads frames and pictures and runs the model. */
    final Handler modelThread() {
        return modelThread;
    }

    /** Writes, reads and removes the user's photos. */
    final Handler storageThread() {
        return storageThread;
    }

    final BenchmarkSession benchmark() {
        return benchmark;
    }

    /** Whether the camera's screen has a model open. Model thread. */
    final boolean modelInUse() {
        return modelInUse;
    }

    final void setModelInUse(boolean inUse) {
        modelInUse = inUse;
    }

    /** The bundle; tests look at others. */
    Files files() {
        return new Files.Inside(getAssets());
    }

    /** Writes files; tests have a full one. */
    Disk disk() {
        return new Disk();
    }

    /**
     * The folder that adb and the user can reach. Not for the main thread.
     *
     * @throws StorageException the storage is not there at present.
     */
    File external() throws StorageException {
        File folder = getExternalFilesDir(null);
        if (folder == null) {
            throw new StorageException(R.string.storage_missing);
        }
        return folder;
    }

    private static Handler thread(String name) {
        HandlerThread thread = new HandlerThread(name);
        thread.start();
        return new Handler(thread.getLooper());
    }
}
