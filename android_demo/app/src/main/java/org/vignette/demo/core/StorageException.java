package org.vignette.demo.core;

/** Why something could not be written or read; nothing half is left behind. */
public final class StorageException extends WordsException {
    private static final long serialVersionUID = 1;

    public StorageException(int text, Object... values) {
        super(text, values);
    }
}
