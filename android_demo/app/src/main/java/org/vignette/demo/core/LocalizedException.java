package org.vignette.demo.core;

import android.content.res.Resources;

/** What went wrong: in the user's language on the screen, in English in files. */
public class LocalizedException extends Exception {
    private static final long serialVersionUID = 1;

    /** A string resource. */
    public final int text;

    private final transient Object[] values;

    /**
     * @param text a string resource that says what is wrong.
     * @param values for its placeholders.
     */
    public LocalizedException(int text, Object... values) {
        this.text = text;
        this.values = values;
    }

    public final String message(Resources resources) {
        return resources.getString(text, values);
    }
}
