package org.vignette.demo.benchmark;

import android.app.ActivityManager;
import android.app.KeyguardManager;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.content.res.Resources;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Debug;
import android.os.PowerManager;
import android.provider.Settings;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;

/** What can distort a measurement: heat, power and what else the phone is doing. Immutable. */
final class Conditions {
    /** Supplies the current conditions; tests have their own. */
    interface Source {
        /** @param memory whether to measure memory too, which may take a tenth of a second. */
        Conditions now(boolean memory);
    }

    /** Whether the phone throttled because of heat, and the evidence for it. One per benchmark. */
    static final class Throttling {
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
                return words.getString(R.string.throttled_status, thermalWord(hottest));
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

    /** Of the battery, in degrees Celsius; null if the phone does not report it. */
    final Double celsius;
    /** An index into {@link #THERMAL}; null below Android 10. */
    final Integer thermal;

    private static final String[] THERMAL =
            {"none", "light", "moderate", "severe", "critical", "emergency", "shutdown"};

    private final Integer percent;
    private final String plugged;
    private final boolean screenOn;
    private final boolean locked;
    private final boolean powerSave;
    private final boolean airplaneMode;
    private final JSONObject memory;

    private Conditions(Context context, boolean withMemory) {
        // A sticky broadcast: nothing is registered.
        Intent battery = context.registerReceiver(null, new IntentFilter(Intent.ACTION_BATTERY_CHANGED));
        celsius = celsius(battery);
        percent = percent(battery);
        plugged = plugged(battery);
        PowerManager power = context.getSystemService(PowerManager.class);
        thermal = Build.VERSION.SDK_INT >= 29 ? power.getCurrentThermalStatus() : null;
        screenOn = power.isInteractive();
        powerSave = power.isPowerSaveMode();
        locked = context.getSystemService(KeyguardManager.class).isKeyguardLocked();
        airplaneMode = Settings.Global.getInt(context.getContentResolver(), Settings.Global.AIRPLANE_MODE_ON, 0) != 0;
        memory = withMemory ? memory(context) : null;
    }

    static Conditions read(Context context, boolean memory) {
        return new Conditions(context, memory);
    }

    JSONObject json() throws JSONException {
        return new JSONObject()
                .put("battery_celsius", celsius())
                .put("battery_percent", percent == null ? JSONObject.NULL : percent)
                .put("plugged", plugged == null ? JSONObject.NULL : plugged)
                .put("thermal_status", thermalStatus())
                .put("screen_on", screenOn)
                .put("locked", locked)
                .put("power_save", powerSave)
                .put("airplane_mode", airplaneMode)
                .put("memory", memory);
    }

    /** As a JSON value. */
    Object celsius() {
        return celsius == null ? JSONObject.NULL : celsius;
    }

    /** Android's name for it, as a JSON value. */
    Object thermalStatus() {
        return thermal == null ? JSONObject.NULL : thermalWord(thermal);
    }

    JSONObject memory() {
        return memory;
    }

    static String thermalWord(int status) {
        return THERMAL[Math.max(0, Math.min(status, THERMAL.length - 1))];
    }

    private static JSONObject memory(Context context) {
        ActivityManager.MemoryInfo phone = new ActivityManager.MemoryInfo();
        context.getSystemService(ActivityManager.class).getMemoryInfo(phone);
        Runtime java = Runtime.getRuntime();
        try {
            return new JSONObject()
                    .put("pss_kb", Debug.getPss())
                    .put("native_heap_kb", Debug.getNativeHeapAllocatedSize() / 1024)
                    .put("java_heap_kb", (java.totalMemory() - java.freeMemory()) / 1024)
                    .put("free_kb", phone.availMem / 1024);
        } catch (JSONException e) {
            throw new AssertionError("whole numbers are JSON", e);
        }
    }

    private static Double celsius(Intent battery) {
        int tenths = battery == null ? Integer.MIN_VALUE
                : battery.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Integer.MIN_VALUE);
        return tenths == Integer.MIN_VALUE ? null : tenths / 10.0;
    }

    private static Integer percent(Intent battery) {
        int level = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
        int scale = battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
        return level < 0 || scale <= 0 ? null : Integer.valueOf(100 * level / scale);
    }

    private static String plugged(Intent battery) {
        switch (battery == null ? -1 : battery.getIntExtra(BatteryManager.EXTRA_PLUGGED, -1)) {
            case -1:
                return null;
            case 0:
                return "no";
            case BatteryManager.BATTERY_PLUGGED_AC:
                return "charger";
            case BatteryManager.BATTERY_PLUGGED_USB:
                return "usb";
            case BatteryManager.BATTERY_PLUGGED_WIRELESS:
                return "wireless";
            default:
                return "other";
        }
    }
}
