package org.vignette.demo;

/** Why something could not be written or read; nothing half is left behind. */
final class StorageException extends WordsException {
    private static final long serialVersionUID = 1;

    StorageException(int text, Object... values) {
        super(text, values);
    }
}
