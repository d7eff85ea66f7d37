package org.vignette.demo.core;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.vignette.demo.R;

/**
 * Writes files whole or not at all: to a temporary name, synced to disk, then renamed. Tests replace it with a full
 * disk. Never used on the main thread.
 */
public class Disk {
    /** What a file is to hold. */
    public interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    /** The suffix of files still being written. */
    public static final String PART = ".part";

    /**
     * Writes a file, creating its folder if necessary.
     *
     * @throws LocalizedException there is no room, or it cannot be written; nothing is left behind.
     */
    public final void write(File file, Content content) throws LocalizedException {
        File folder = file.getParentFile();
        File part = new File(folder, file.getName() + PART);
        if (!folder.isDirectory() && !folder.mkdirs() && !folder.isDirectory()) {
            throw new LocalizedException(R.string.folder_missing, folder.getPath());
        }
        try {
            try (OutputStream out = open(part)) {
                content.writeTo(out);
                out.flush();
                if (out instanceof FileOutputStream) {
                    ((FileOutputStream) out).getFD().sync();
                }
            }
            if (!part.renameTo(file)) {
                throw new IOException(file.getPath());
            }
        } catch (IOException e) {
            part.delete();
            String why = String.valueOf(e.getMessage());
            boolean full = why.contains("ENOSPC") || why.contains("No space left");
            throw new LocalizedException(
                    full ? R.string.storage_full : R.string.file_unwritable, file.getName(), why);
        }
    }

    public final void write(File file, byte[] bytes) throws LocalizedException {
        write(file, out -> out.write(bytes));
    }

    public final void write(File file, String text) throws LocalizedException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** The contents of a text file. */
    public final String read(File file) throws LocalizedException {
        try (InputStream in = new FileInputStream(file)) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                all.write(part, 0, n);
            }
            return new String(all.toByteArray(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new LocalizedException(R.string.file_unreadable, file.getName(), String.valueOf(e.getMessage()));
        }
    }

    /**
     * Deletes a file.
     *
     * @throws LocalizedException it is still there.
     */
    public final void delete(File file) throws LocalizedException {
        if (!file.delete() && file.exists()) {
            throw new LocalizedException(R.string.file_undeletable, file.getName());
        }
    }

    /** The files in a folder, sorted by name; empty if there is no such folder. */
    public static File[] inside(File folder) {
        File[] files = folder.listFiles();
        if (files == null) {
            return new File[0];
        }
        Arrays.sort(files);
        return files;
    }

    /** @param file to be created. */
    OutputStream open(File file) throws IOException {
        return new FileOutputStream(file);
    }
}
