package org.vignette.demo.model;

import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/** The files of a bundle. */
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
}
