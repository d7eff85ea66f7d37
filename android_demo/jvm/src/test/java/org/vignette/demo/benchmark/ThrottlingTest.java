package org.vignette.demo.benchmark;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;

import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.TestApp;

@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class ThrottlingTest {
    private static Conditions.Throttling saw(Integer status, double slowdown) {
        Conditions.Throttling throttling = new Conditions.Throttling();
        throttling.sawStatus(0);
        throttling.sawStatus(status);
        throttling.sawStatus(null);
        if (slowdown > 0) {
            throttling.sawSlowdown(slowdown);
        }
        return throttling;
    }

    private static String why(Conditions.Throttling throttling) {
        return throttling.why(RuntimeEnvironment.getApplication().getResources());
    }

    @Test
    public void anyStatusAboveNoneIsThrottlingAndTheWorstIsNamed() {
        for (int status = 1; status <= 6; status++) {
            Conditions.Throttling throttling = saw(status, 0);
            throttling.sawStatus(0);
            assertEquals(true, throttling.verdict());
            assertEquals("Android reported the thermal status “" + Conditions.thermalWord(status) + "”.",
                    why(throttling));
        }
    }

    @Test
    public void aFifthMoreTimeAtTheEndIsThrottlingEvenIfAndroidSaysNothing() {
        assertEquals(true, saw(0, 1.2).verdict());
        assertEquals("By the end of the sustained run, a frame took 1.35 times as long as at the start.",
                why(saw(0, 1.35)));
        assertEquals(false, saw(0, 1.19).verdict());
        assertEquals("Android reported no throttling, and by the end of the sustained run a frame took 1.05 times as "
                + "long as at the start.", why(saw(0, 1.05)));
    }

    @Test
    public void theWorstOfSeveralModelsCounts() {
        Conditions.Throttling throttling = saw(0, 1.5);
        throttling.sawSlowdown(0.9);
        assertEquals(true, throttling.verdict());
    }

    @Test
    public void whereNothingTellsItIsNotKnown() {
        Conditions.Throttling throttling = new Conditions.Throttling();
        throttling.sawStatus(null);
        assertNull(throttling.verdict());
        assertEquals("This version of Android does not report the thermal status, and there was no sustained run.",
                why(throttling));
        throttling.sawSlowdown(1);
        assertEquals(false, throttling.verdict());
    }
}
