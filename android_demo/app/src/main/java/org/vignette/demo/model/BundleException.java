package org.vignette.demo.model;

import org.vignette.demo.core.WordsException;

/** What is wrong with the files of a bundle. */
public final class BundleException extends WordsException {
    private static final long serialVersionUID = 1;

    public BundleException(int text, Object... values) {
        super(text, values);
    }
}
