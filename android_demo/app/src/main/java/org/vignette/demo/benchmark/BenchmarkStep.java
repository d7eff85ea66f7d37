package org.vignette.demo.benchmark;

import android.content.res.Resources;
import org.vignette.demo.R;
import org.vignette.demo.model.Classifier;

/** How far a benchmark has got. Immutable. */
final class BenchmarkStep {
    /** Steps completed, and how many there are. */
    final int done;
    final int of;

    private final String model;
    private final Classifier.Kernels kernels;
    private final int numThreads;
    /** Length of the sustained run; 0 for a plain step. */
    private final int seconds;

    BenchmarkStep(int done, int of, String model, Classifier.Kernels kernels, int numThreads, int seconds) {
        this.done = done;
        this.of = of;
        this.model = model;
        this.kernels = kernels;
        this.numThreads = numThreads;
        this.seconds = seconds;
    }

    String message(Resources resources) {
        String how = way(resources, kernels, numThreads);
        return seconds > 0 ? resources.getString(R.string.step_sustained, model, how, seconds)
                : resources.getString(R.string.step, model, how);
    }

    /** Kernels and threads. */
    static String way(Resources resources, Classifier.Kernels kernels, int numThreads) {
        int words = kernels.xnnpack ? R.plurals.way_xnnpack : R.plurals.way_built_in;
        return resources.getQuantityString(words, numThreads, numThreads);
    }
}
