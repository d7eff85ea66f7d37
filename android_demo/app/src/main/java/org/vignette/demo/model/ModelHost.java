package org.vignette.demo.model;

import org.vignette.demo.core.App;

/** The app as the model sees it: where the bundle is, and whether anyone has its model open. */
public interface ModelHost extends App {
    /** The bundle built into the app. */
    Files files();

    /** Whether the camera screen has a model open. Model thread. */
    boolean modelInUse();

    /** Model thread. */
    void setModelInUse(boolean inUse);
}
