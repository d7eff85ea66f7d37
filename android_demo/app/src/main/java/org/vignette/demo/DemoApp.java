package org.vignette.demo;

import android.app.Application;
import android.content.Context;
import android.os.Handler;
import android.os.HandlerThread;
import java.io.File;
import org.vignette.demo.benchmark.BenchmarkSession;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.Model;

/**
 * What lives as long as the process: the background threads and the benchmark. All screens share the threads, so one
 * screen has finished closing something before the next one opens it.
 */
public class DemoApp extends Application implements Model.Host, BenchmarkSession.Owner {
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
    }

    @Override
    public final Context context() {
        return this;
    }

    @Override
    public final Handler cameraThread() {
        return cameraThread;
    }

    @Override
    public final Handler modelThread() {
        return modelThread;
    }

    @Override
    public final Handler storageThread() {
        return storageThread;
    }

    @Override
    public final BenchmarkSession benchmark() {
        return benchmark;
    }

    @Override
    public final boolean modelInUse() {
        return modelInUse;
    }

    @Override
    public final void setModelInUse(boolean inUse) {
        modelInUse = inUse;
    }

    /** Tests replace it with other bundles. */
    @Override
    public Files files() {
        return new Files.Inside(getAssets());
    }

    /** Tests replace it with a full one. */
    @Override
    public Disk disk() {
        return new Disk();
    }

    @Override
    public File external() throws LocalizedException {
        File folder = getExternalFilesDir(null);
        if (folder == null) {
            throw new LocalizedException(R.string.storage_missing);
        }
        return folder;
    }

    private static Handler thread(String name) {
        HandlerThread thread = new HandlerThread(name);
        thread.start();
        return new Handler(thread.getLooper());
    }
}
