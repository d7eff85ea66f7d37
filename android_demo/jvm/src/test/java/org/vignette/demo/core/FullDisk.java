package org.vignette.demo.core;

import java.io.File;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;

/** A disk with room for a limited number of bytes, which then fails as Android's does. */
public final class FullDisk extends Disk {
    public int room;

    public FullDisk(int room) {
        this.room = room;
    }

    @Override
    public OutputStream open(File file) throws IOException {
        return new FilterOutputStream(super.open(file)) {
            @Override
            public void write(byte[] bytes, int offset, int size) throws IOException {
                int fits = Math.min(size, room);
                room -= fits;
                out.write(bytes, offset, fits);
                if (fits < size) {
                    throw new IOException("write failed: ENOSPC (No space left on device)");
                }
            }
        };
    }
}
