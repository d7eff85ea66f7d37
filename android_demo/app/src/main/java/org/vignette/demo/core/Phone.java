package org.vignette.demo.core;

import android.app.ActivityManager;
import android.content.Context;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.res.Configuration;
import android.content.res.Resources;
import android.os.Build;
import android.os.Process;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;
import java.util.TimeZone;
import org.json.JSONException;
import org.json.JSONObject;
import org.tensorflow.lite.TensorFlowLite;

/** Phone, app and runtime, as stated in every file that the app writes. */
public final class Phone {
    private Phone() {}

    /** Adds {@code app}, {@code device} and {@code runtime} to a document. */
    public static void describe(Context context, JSONObject into) throws JSONException {
        String runtime = runtime();
        into.put("app", app(context)).put("device", device(context))
                .put("runtime", runtime == null ? JSONObject.NULL : runtime);
    }

    /** TensorFlow Lite's version; null if it does not run on this processor. */
    static String runtime() {
        try {
            return TensorFlowLite.runtimeVersion();
        } catch (UnsatisfiedLinkError e) {
            return null;
        }
    }

    /** ISO 8601 in UTC, to the millisecond. */
    public static String iso(long millis) {
        return utc("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", millis);
    }

    /** A time in UTC in a SimpleDateFormat pattern. */
    public static String utc(String pattern, long millis) {
        SimpleDateFormat format = new SimpleDateFormat(pattern, Locale.ROOT);
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        return format.format(new Date(millis));
    }

    /** English texts, for files that a computer reads. */
    public static Resources english(Context context) {
        Configuration configuration = new Configuration(context.getResources().getConfiguration());
        configuration.setLocale(Locale.ENGLISH);
        return context.createConfigurationContext(configuration).getResources();
    }

    private static JSONObject app(Context context) throws JSONException {
        PackageInfo about;
        try {
            about = context.getPackageManager().getPackageInfo(context.getPackageName(), 0);
        } catch (PackageManager.NameNotFoundException e) {
            throw new AssertionError("a running app is installed", e);
        }
        return new JSONObject()
                .put("id", about.packageName)
                .put("version", String.valueOf(about.versionName))
                .put("code", about.versionCode);
    }

    private static JSONObject device(Context context) throws JSONException {
        ActivityManager.MemoryInfo memory = new ActivityManager.MemoryInfo();
        context.getSystemService(ActivityManager.class).getMemoryInfo(memory);
        return new JSONObject()
                .put("manufacturer", String.valueOf(Build.MANUFACTURER))
                .put("model", String.valueOf(Build.MODEL))
                .put("android", String.valueOf(Build.VERSION.RELEASE))
                .put("sdk", Build.VERSION.SDK_INT)
                .put("abi", abi())
                .put("soc", soc())
                .put("cores", Runtime.getRuntime().availableProcessors())
                .put("memory_kb", memory.totalMem / 1024);
    }

    /** The app process's ABI: a 64-bit phone may run 32-bit apps. */
    private static String abi() {
        String[] abis = Process.is64Bit() ? Build.SUPPORTED_64_BIT_ABIS : Build.SUPPORTED_32_BIT_ABIS;
        return abis.length == 0 ? String.valueOf(Build.CPU_ABI) : abis[0];
    }

    private static Object soc() {
        if (Build.VERSION.SDK_INT < 31 || Build.UNKNOWN.equals(Build.SOC_MODEL)) {
            return JSONObject.NULL;
        }
        return Build.SOC_MANUFACTURER + " " + Build.SOC_MODEL;
    }
}
