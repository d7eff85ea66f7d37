package org.vignette.demo;

import android.app.Application;
import android.os.Handler;
import android.os.HandlerThread;

/**
 * What lives as long as the process: the two threads off the main one. Since every screen shares them, what one
 * screen closes is closed before the next one opens it.
 */
public class DemoApp extends Application {
    private Handler cameraThread;
    private Handler modelThread;

    @Override
    public void onCreate() {
        super.onCreate();
        cameraThread = thread("camera");
        modelThread = thread("model");
    }

    /** Opens, closes and is called back by the camera. */
    final Handler cameraThread() {
        return cameraThread;
    }

    /** Reads frames and pictures and runs the model. */
    final Handler modelThread() {
        return modelThread;
    }

    /** The bundle; tests look at others. */
    Files files() {
        return new Files.Inside(getAssets());
    }

    private static Handler thread(String name) {
        HandlerThread thread = new HandlerThread(name);
        thread.start();
        return new Handler(thread.getLooper());
    }
}
