package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.content.Intent;
import android.os.BatteryManager;
import android.os.Build;
import android.os.PowerManager;
import android.provider.Settings;
import org.json.JSONObject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.TestApp;

@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ConditionsTest {
    private static Context context() {
        return RuntimeEnvironment.getApplication();
    }

    private static void battery(Intent intent) {
        context().sendStickyBroadcast(intent.setAction(Intent.ACTION_BATTERY_CHANGED));
    }

    @Test
    public void whatThePhoneTellsIsWrittenDown() throws Exception {
        battery(new Intent().putExtra(BatteryManager.EXTRA_TEMPERATURE, 317).putExtra(BatteryManager.EXTRA_LEVEL, 41)
                .putExtra(BatteryManager.EXTRA_SCALE, 50)
                .putExtra(BatteryManager.EXTRA_PLUGGED, BatteryManager.BATTERY_PLUGGED_USB));
        PowerManager power = context().getSystemService(PowerManager.class);
        shadowOf(power).setIsPowerSaveMode(true);
        Settings.Global.putInt(context().getContentResolver(), Settings.Global.AIRPLANE_MODE_ON, 1);
        if (Build.VERSION.SDK_INT >= 29) {
            shadowOf(power).setCurrentThermalStatus(PowerManager.THERMAL_STATUS_MODERATE);
        }
        JSONObject json = Conditions.read(context(), true).json();
        assertEquals(31.7, json.getDouble("battery_celsius"), 1e-9);
        assertEquals(82, json.getInt("battery_percent"));
        assertEquals("usb", json.getString("plugged"));
        assertEquals(Build.VERSION.SDK_INT >= 29 ? "moderate" : JSONObject.NULL, json.get("thermal_status"));
        assertTrue(json.getBoolean("screen_on"));
        assertFalse(json.getBoolean("locked"));
        assertTrue(json.getBoolean("power_save"));
        assertTrue(json.getBoolean("airplane_mode"));
        assertTrue(json.getJSONObject("memory").getLong("java_heap_kb") > 0);
    }

    @Test
    public void whatThePhoneDoesNotTellIsNull() throws Exception {
        battery(new Intent());
        JSONObject json = Conditions.read(context(), true).json();
        for (String key : new String[] {"battery_celsius", "battery_percent", "plugged"}) {
            assertTrue(key, json.isNull(key));
        }
    }

    @Test
    public void everyKindOfPowerHasItsWord() throws Exception {
        Object[][] words = {{0, "no"}, {1, "charger"}, {2, "usb"}, {4, "wireless"}, {8, "other"}};
        for (Object[] word : words) {
            battery(new Intent().putExtra(BatteryManager.EXTRA_PLUGGED, (int) word[0]));
            assertEquals(word[1], Conditions.read(context(), true).json().getString("plugged"));
        }
    }
}
