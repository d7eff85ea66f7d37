package org.vignette.demo.model;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/** The files of a bundle, wherever they are: built into the app, or in a folder. */
public interface Files {
    /**
     * Opens a file for reading; the caller closes it.
     *
     * @throws FileNotFoundException there is no file of this name.
     */
    InputStream open(String name) throws IOException;

    /**
     * Maps a file into memory without copying it.
     *
     * @throws FileNotFoundException it is compressed.
     */
    ByteBuffer map(String name) throws IOException;

    boolean has(String name) throws IOException;

    /** The files that were built into the app. */
    final class Inside implements Files {
        private final AssetManager assets;

        public Inside(AssetManager assets) {
            this.assets = assets;
        }

        @Override
        public InputStream open(String name) throws IOException {
            return assets.open(name);
        }

        @Override
        public ByteBuffer map(String name) throws IOException {
            try (AssetFileDescriptor file = assets.openFd(name);
                    FileInputStream stream = new FileInputStream(file.getFileDescriptor())) {
                return stream.getChannel()
                        .map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(), file.getDeclaredLength());
            }
        }

        @Override
        public boolean has(String name) throws IOException {
            return Arrays.asList(assets.list("")).contains(name);
        }
    }

    /** The files in one folder; no name can lead out of it. */
    final class Folder implements Files {
        private final File folder;

        public Folder(File folder) {
            this.folder = folder;
        }

        @Override
        public FileInputStream open(String name) throws IOException {
            try {
                return new FileInputStream(file(name));
            } catch (FileNotFoundException e) {
                // has() was called first, so the file exists and access was denied.
                throw new IOException(e.getMessage(), e);
            }
        }

        @Override
        public ByteBuffer map(String name) throws IOException {
            try (FileInputStream stream = open(name)) {
                FileChannel channel = stream.getChannel();
                return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            }
        }

        @Override
        public boolean has(String name) {
            return isPlain(name) && new File(folder, name).isFile();
        }

        private File file(String name) throws FileNotFoundException {
            if (!isPlain(name)) {
                throw new FileNotFoundException(name);
            }
            return new File(folder, name);
        }

        private static boolean isPlain(String name) {
            return name.indexOf('/') < 0 && name.indexOf('\\') < 0 && name.indexOf('\0') < 0;
        }
    }
}
