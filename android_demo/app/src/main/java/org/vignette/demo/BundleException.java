package org.vignette.demo;

/** What is wrong with the files of a bundle. */
final class BundleException extends WordsException {
    private static final long serialVersionUID = 1;

    BundleException(int text, Object... values) {
        super(text, values);
    }
}
