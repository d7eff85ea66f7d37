package org.vignette.demo;

import org.junit.Test;
import org.robolectric.annotation.Config;

/** Screens drawn by day, by night and in French. */
public abstract class EveryLook {
    /** Draws and compares all screens; the variant is the suffix of their names. */
    public abstract void all(String variant) throws Exception;

    @Test
    public void day() throws Exception {
        all("");
    }

    @Test
    @Config(qualifiers = "+night")
    public void night() throws Exception {
        all("-night");
    }

    @Test
    @Config(qualifiers = "+fr")
    public void french() throws Exception {
        all("-fr");
    }
}
