package org.vignette.demo.benchmark;

import java.io.File;
import java.util.Collections;
import java.util.List;
import org.json.JSONObject;
import org.vignette.demo.core.LocalizedException;

/** Everything the benchmark screen shows. Immutable; a new one for every change. */
final class BenchmarkState {
    /** Which screen it is. */
    enum Kind {
        /** The models are still being looked up. */
        LOOKING,
        /** The models that can be measured, and a button to start. */
        READY,
        RUNNING,
        DONE,
        FAILED
    }

    final Kind kind;
    /** With READY. */
    final List<Candidate> models;
    /** With RUNNING; null before the first step. */
    final BenchmarkStep step;
    /** With DONE. */
    final JSONObject result;
    /** With DONE: where it is stored. */
    final File file;
    /** With FAILED. */
    final LocalizedException error;

    private BenchmarkState(Kind kind, List<Candidate> models, BenchmarkStep step, JSONObject result,
            File file, LocalizedException error) {
        this.kind = kind;
        this.models = models;
        this.step = step;
        this.result = result;
        this.file = file;
        this.error = error;
    }

    static BenchmarkState looking() {
        return new BenchmarkState(Kind.LOOKING, null, null, null, null, null);
    }

    static BenchmarkState ready(List<Candidate> models) {
        return new BenchmarkState(Kind.READY, Collections.unmodifiableList(models), null, null, null, null);
    }

    static BenchmarkState running(BenchmarkStep step) {
        return new BenchmarkState(Kind.RUNNING, null, step, null, null, null);
    }

    static BenchmarkState done(JSONObject result, File file) {
        return new BenchmarkState(Kind.DONE, null, null, result, file, null);
    }

    static BenchmarkState failed(LocalizedException error) {
        return new BenchmarkState(Kind.FAILED, null, null, null, null, error);
    }
}
