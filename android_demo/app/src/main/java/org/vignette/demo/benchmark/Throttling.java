package org.vignette.demo.benchmark;

import android.content.res.Resources;
import org.vignette.demo.R;

/** Whether the phone slowed itself down because of heat, and what says so. One for each benchmark. */
final class Throttling {
    /** Android's THERMAL_STATUS_LIGHT: it has begun to throttle. */
    private static final int LIGHT = 1;
    /** Last against first window of the sustained mode; below it, it is noise. */
    private static final double SLOWDOWN = 1.2;

    private Integer hottest;
    private double slowdown;

    /** @param thermal a thermal status; null where the phone does not tell. */
    void sawStatus(Integer thermal) {
        if (thermal != null) {
            hottest = hottest == null ? thermal : Math.max(hottest, thermal);
        }
    }

    /** @param factor how much longer a frame took at the end of a sustained mode than at its beginning. */
    void sawSlowdown(double factor) {
        slowdown = Math.max(slowdown, factor);
    }

    /** Null where nothing tells. */
    Boolean verdict() {
        if (isHot() || slowdown >= SLOWDOWN) {
            return true;
        }
        return hottest == null && slowdown == 0 ? null : Boolean.FALSE;
    }

    String why(Resources words) {
        if (isHot()) {
            return words.getString(R.string.throttled_status, Conditions.thermalWord(hottest));
        }
        if (slowdown >= SLOWDOWN) {
            return words.getString(R.string.throttled_slower, slowdown);
        }
        if (slowdown > 0) {
            return words.getString(R.string.throttled_not_slower, slowdown);
        }
        return words.getString(hottest == null ? R.string.throttled_unknown : R.string.throttled_not);
    }

    private boolean isHot() {
        return hottest != null && hottest >= LIGHT;
    }
}
