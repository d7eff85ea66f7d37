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
 * Files that are there as a whole or not at all: written beside their place, brought to the disk, then renamed. Tests
 * put a full one in its place. Never used on the main thread.
 */
public class Disk {
    /** Ends the names of files that are still being written. */
    public static final String PART = ".part";

    /**
     * Writes a file and the folder that it lies in.
     *
     * @throws StorageException there is no room, or it cannot be written; then nothing of it is left.
     */
    public final void write(File file, byte[] bytes) throws StorageException {
        File folder = file.getParentFile();
        File part = new File(folder, file.getName() + PART);
        if (!folder.isDirectory() && !folder.mkdirs() && !folder.isDirectory()) {
            throw new StorageException(R.string.folder_missing, folder.getPath());
        }
        try {
            try (OutputStream out = open(part)) {
                out.write(bytes);
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
            throw new StorageException(
                    full ? R.string.storage_full : R.string.file_unwritable, file.getName(), why);
        }
    }

    public final void write(File file, String text) throws StorageException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** The whole of a text file. */
    public final String read(File file) throws StorageException {
        try (InputStream in = new FileInputStream(file)) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                all.write(part, 0, n);
            }
            return new String(all.toByteArray(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new StorageException(R.string.file_unreadable, file.getName(), String.valueOf(e.getMessage()));
        }
    }

    /**
     * Removes a file.
     *
     * @throws StorageException it is still there.
     */
    public final void delete(File file) throws StorageException {
        if (!file.delete() && file.exists()) {
            throw new StorageException(R.string.file_undeletable, file.getName());
        }
    }

    /** What lies in a folder, by name; nothing where there is no such folder. */
    public static File[] inside(File folder) {
        File[] files = folder.listFiles();
        if (files == null) {
            return new File[0];
        }
        Arrays.sort(files);
        return files;
    }

    /** @param file new. */
    OutputStream open(File file) throws IOException {
        return new FileOutputStream(file);
    }
}
