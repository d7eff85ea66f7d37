package org.vignette.demo.core;

/** A file could not be written or read; no partial file is left behind. */
public final class StorageException extends LocalizedException {
    private static final long serialVersionUID = 1;

    public StorageException(int text, Object... values) {
        super(text, values);
    }
}
