package org.vignette.demo.benchmark;

import org.vignette.demo.R;
import org.vignette.demo.core.LocalizedException;

/** Why a benchmark has no result. */
final class BenchmarkException extends LocalizedException {
    private static final long serialVersionUID = 1;

    /** The user stopped it or left the screen. */
    final boolean cancelled;

    BenchmarkException(int text, Object... values) {
        super(text, values);
        cancelled = text == R.string.benchmark_cancelled || text == R.string.benchmark_left;
    }
}
