package org.vignette.demo.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.vignette.demo.R;

class DiskTest {
    @TempDir Path folder;

    private List<String> names() {
        return Arrays.asList(folder.toFile().list());
    }

    @Test
    void aFileIsWrittenWithItsFoldersAndReadAgain() throws Exception {
        File file = folder.resolve("a/b/c.json").toFile();
        new Disk().write(file, "é");
        new Disk().write(file, "è");
        assertEquals("è", new Disk().read(file));
        assertEquals(List.of("c.json"), Arrays.asList(file.getParentFile().list()));
    }

    @Test
    void aFullStorageLeavesTheOldFileAndNothingHalf() throws Exception {
        File file = folder.resolve("c.json").toFile();
        new Disk().write(file, "old");
        LocalizedException full =
                assertThrows(LocalizedException.class, () -> new FullDisk(2).write(file, "new words"));
        assertEquals(R.string.storage_full, full.text);
        assertEquals("old", new Disk().read(file));
        assertEquals(List.of("c.json"), names());
    }

    @Test
    void anotherFaultIsNotCalledFull() {
        Disk broken = new Disk() {
            @Override
            OutputStream open(File file) throws IOException {
                throw new IOException("read-only");
            }
        };
        LocalizedException error = assertThrows(LocalizedException.class,
                () -> broken.write(folder.resolve("c.json").toFile(), "words"));
        assertEquals(R.string.file_unwritable, error.text);
        assertEquals(List.of(), names());
    }

    @Test
    void aFolderThatCannotBeMadeIsNamed() throws Exception {
        java.nio.file.Files.writeString(folder.resolve("a"), "a file where the folder should be");
        LocalizedException error = assertThrows(LocalizedException.class,
                () -> new Disk().write(folder.resolve("a/c.json").toFile(), "words"));
        assertEquals(R.string.folder_missing, error.text);
    }

    @Test
    void whatCannotBeReadOrDeletedIsNamed() throws Exception {
        File missing = folder.resolve("missing").toFile();
        assertEquals(R.string.file_unreadable,
                assertThrows(LocalizedException.class, () -> new Disk().read(missing)).text);
        new Disk().delete(missing);
        new Disk().write(folder.resolve("full/c.json").toFile(), "words");
        assertEquals(R.string.file_undeletable, assertThrows(LocalizedException.class,
                () -> new Disk().delete(folder.resolve("full").toFile())).text);
        assertTrue(names().contains("full"));
    }

    @Test
    void aMissingFolderHoldsNothing() {
        assertEquals(0, Disk.inside(folder.resolve("missing").toFile()).length);
    }
}
