package org.vignette.demo.camera;

import static org.junit.Assert.assertEquals;

import android.util.Size;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.DemoRunner;
import org.vignette.demo.TestApp;

/** Which sizes are chosen from those a camera offers. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class LensTest {
    @Test
    public void moderateSizesAreChosen() {
        Size[] offered = {
            new Size(4000, 3000), new Size(1920, 1080), new Size(1280, 960), new Size(800, 600), new Size(640, 480),
            new Size(640, 360), new Size(176, 144)
        };
        Size analysis = Lens.analysis(offered);
        assertEquals(new Size(640, 480), analysis);
        assertEquals(new Size(1280, 960), Lens.preview(offered, analysis));
        Size[] wideOnly = {new Size(1920, 1080), new Size(640, 360)};
        assertEquals(new Size(640, 360), Lens.analysis(wideOnly));
        assertEquals(new Size(640, 360), Lens.preview(new Size[] {new Size(640, 480)}, new Size(640, 360)));
    }
}
