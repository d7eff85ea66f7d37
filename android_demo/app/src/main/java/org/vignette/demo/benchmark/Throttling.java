package org.vignette.demo.benchmark;

import android.content.res.Resources;
import org.vignette.demo.R;

/** Whether the phone throttled because of heat, and the evidence for it. One per benchmark. */
final class Throttling {
    /** Android's THERMAL_STATUS_LIGHT: throttling has begun. */
    private static final int LIGHT = 1;
    /** Last window of the sustained run relative to the first; anything below is noise. */
    private static final double SLOWDOWN = 1.2;

    private Integer hottest;
    private double slowdown;

    /** @param thermal a thermal status; null if the phone does not report it. */
    void sawStatus(Integer thermal) {
        if (thermal != null) {
            hottest = hottest == null ? thermal : Math.max(hottest, thermal);
        }
    }

    /** @param factor how much longer a frame took at the end of a sustained run than at the start. */
    void sawSlowdown(double factor) {
        slowdown = Math.max(slowdown, factor);
    }

    /** Null if there is no evidence either way. */
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
