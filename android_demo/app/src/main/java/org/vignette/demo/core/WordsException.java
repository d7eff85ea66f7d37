package org.vignette.demo.core;

import android.content.res.Resources;

/** What went wrong, in words: the user's on the screen, English in files. */
public class WordsException extends Exception {
    private static final long serialVersionUID = 1;

    /** A string resource. */
    public final int text;

    private final transient Object[] values;

    /**
     * @param text a string resource that says what is wrong.
     * @param values for its placeholders.
     */
    public WordsException(int text, Object... values) {
        this.text = text;
        this.values = values;
    }

    public final String words(Resources resources) {
        return resources.getString(text, values);
    }
}
