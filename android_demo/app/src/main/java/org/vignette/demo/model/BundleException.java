package org.vignette.demo.model;

import org.vignette.demo.core.LocalizedException;

/** A bundle cannot be used, and why. */
public final class BundleException extends LocalizedException {
    private static final long serialVersionUID = 1;

    public BundleException(int text, Object... values) {
        super(text, values);
    }
}
