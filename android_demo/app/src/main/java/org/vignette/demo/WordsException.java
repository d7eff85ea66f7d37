package org.vignette.demo;

import android.content.res.Resources;

/** What went wrong, in words: the user's on the screen, English in files. */
class WordsException extends Exception {
    private static final long serialVersionUID = 1;

    /** A string resource. */
    final int text;

    private final transient Object[] values;

    /**
     * @param text a string resource that says what is wrong.
     * @param values for its placeholders.
     */
    WordsException(int text, Object... values) {
        this.text = text;
        this.values = values;
    }

    final String words(Resources resources) {
        return resources.getString(text, values);
    }
}
