package org.vignette.demo;

import android.content.res.Resources;

/** What is wrong with the files inside the app, in words of the user's language. */
final class BundleException extends Exception {
    private static final long serialVersionUID = 1;

    /** A string resource. */
    final int text;

    private final transient Object[] values;

    /**
     * @param text a string resource that says what is wrong.
     * @param values for its placeholders.
     */
    BundleException(int text, Object... values) {
        this.text = text;
        this.values = values;
    }

    String words(Resources resources) {
        return resources.getString(text, values);
    }
}
