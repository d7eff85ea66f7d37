package org.vignette.demo.photos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.json.JSONObject;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.vignette.demo.FakeCamera;
import org.vignette.demo.Made;
import org.vignette.demo.R;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.FullDisk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.image.Png;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.ModelFile;

/** Photos on the disk: kept whole or not at all, grouped, named, removed. */
class PhotosTest {
    private static final long START = Instant.parse("2026-03-01T23:59:50Z").toEpochMilli();
    private static final int MINUTE = 60_000;

    @TempDir Path folder;
    private Photos photos;

    @BeforeEach
    void needsTheRuntime() throws Exception {
        String missing = Made.missingRuntime();
        assumeTrue(missing == null, missing);
        photos = new Photos(folder.resolve("photos").toFile(), new Disk());
    }

    private static Shot shot(long takenAt) throws Exception {
        ModelFile model = ModelFile.open(Made.bundle("int8"));
        Frame frame = new Frame(model.contract);
        frame.fill(new FakeCamera.Frame(640, 480, (int) takenAt), 90);
        try (Classifier classifier = new Classifier(model, Classifier.Kernels.XNNPACK)) {
            return new Shot(model.contract, frame, Classifier.Kernels.XNNPACK, classifier.run(frame.pixels), 2, takenAt);
        }
    }

    private Photo keep(long takenAt) throws Exception {
        return photos.save(shot(takenAt), PhotoMakerTest.PHONE);
    }

    private TreeSet<String> files() throws Exception {
        if (!folder.resolve("photos").toFile().exists()) {
            return new TreeSet<>();
        }
        try (Stream<Path> paths = java.nio.file.Files.walk(folder.resolve("photos"))) {
            return paths.filter(java.nio.file.Files::isRegularFile).map(Path::toString)
                    .map(path -> path.substring(folder.resolve("photos").toString().length() + 1))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    @Test
    void aPhotoIsAPictureAndADocumentNamedByTheTimeInUtc() throws Exception {
        Photo photo = keep(START);
        assertEquals(names("20260301-235950/20260301-235950-000.json", "20260301-235950/20260301-235950-000.png"),
                files());
        JSONObject json = new JSONObject(new Disk().read(Photo.document(photo.picture)));
        assertEquals("2026-03-01T23:59:50.000Z", json.getString("taken_at"));
        assertEquals(480, json.getInt("width"));
        assertEquals(270, json.getInt("height"));
        assertTrue(json.isNull("truth"));
        assertEquals("XNNPACK", json.getString("kernels"));
        assertEquals(2, json.getInt("num_threads"));
        assertEquals(Photo.Naming.NOTHING, photo.naming);
    }

    private static TreeSet<String> names(String... names) {
        return new TreeSet<>(Arrays.asList(names));
    }

    @Test
    void halfAnHoursPauseBeginsAnotherSessionAndMidnightDoesNot() throws Exception {
        String first = keep(START).picture.getParentFile().getName();
        assertEquals(first, keep(START + 29 * MINUTE).picture.getParentFile().getName());
        assertEquals(first, keep(START + 58 * MINUTE).picture.getParentFile().getName());
        String second = keep(START + 90 * MINUTE).picture.getParentFile().getName();
        assertEquals("20260302-012950", second);
        // A clock that was set back begins another one, too, and finds its way afterwards.
        String earlier = keep(START - 60 * MINUTE).picture.getParentFile().getName();
        assertEquals("20260301-225950", earlier);
        assertEquals(second, keep(START + 91 * MINUTE).picture.getParentFile().getName());
    }

    @Test
    void twoPhotosInTheSameThousandthAreBothKept() throws Exception {
        assertFalse(keep(START).picture.equals(keep(START).picture));
        assertEquals(4, files().size());
    }

    @Test
    void theUsersWordIsWrittenDownAndMayChange() throws Exception {
        Photo photo = keep(START);
        Photo labelled = photos.label(photo, "window", START + 5000);
        assertEquals(Photo.Naming.LABEL, labelled.naming);
        assertEquals("window", photos.album().photos.get(0).truth);
        assertEquals(Photo.Naming.NONE, photos.label(labelled, null, START + 6000).naming);
        Photo read = photos.album().photos.get(0);
        assertEquals(Photo.Naming.NONE, read.naming);
        assertNull(read.truth);
        assertEquals(photo.answer, read.answer);
        assertThrows(IllegalArgumentException.class, () -> photos.label(photo, "teapot", START));
    }

    @Test
    void labelsComeMostProbableFirst() throws Exception {
        Photo photo = keep(START);
        JSONObject json = new JSONObject(photo.text());
        double most = 0;
        for (Object value : json.getJSONArray("probabilities").toString().replaceAll("[\\[\\]]", "").split(",")) {
            most = Math.max(most, Double.parseDouble((String) value));
        }
        assertEquals(most, photo.probability, 1e-9);
        assertEquals(4, photo.labels.size());
        assertEquals(json.optString("answer", photo.labels.get(0)), photo.labels.get(0));
    }

    @Test
    void aDeletedPhotoLeavesNothingAndTheOthersAlone() throws Exception {
        Photo one = keep(START);
        Photo other = keep(START + MINUTE);
        photos.delete(one.picture);
        assertEquals(1, photos.album().photos.size());
        assertEquals(2, files().size());
        photos.delete(other.picture);
        assertEquals(List.of(), photos.album().photos);
        assertEquals(0, folder.resolve("photos").toFile().list().length);
        // Again is no fault: it is gone.
        photos.delete(other.picture);
    }

    @Test
    void aFullStorageKeepsNothingHalfWhereverItFillsUp() throws Exception {
        int picture = Png.encode(shot(START).rgb, 480, 270).length;
        for (int room : new int[] {0, 100, picture - 1, picture, picture + 10}) {
            Photos full = new Photos(folder.resolve("photos").toFile(), new FullDisk(room));
            LocalizedException error = assertThrows(LocalizedException.class,
                    () -> full.save(shot(START), PhotoMakerTest.PHONE));
            assertEquals(R.string.storage_full, error.text, "room for " + room);
            assertEquals(names(), files(), "room for " + room);
        }
    }

    @Test
    void aFullStorageLeavesTheOldWord() throws Exception {
        Photo photo = photos.label(keep(START), "window", START);
        Photos full = new Photos(folder.resolve("photos").toFile(), new FullDisk(5));
        assertThrows(LocalizedException.class, () -> full.label(photo, "kettle", START));
        assertEquals("window", photos.album().photos.get(0).truth);
        assertEquals(2, files().size());
    }

    @Test
    void whatAKilledAppHasLeftHalfGoesAndTheRestStays() throws Exception {
        Photo whole = keep(START);
        File session = whole.picture.getParentFile();
        for (String half : new String[] {
            "20260301-235955-000.png", "20260301-235956-000.png.part", "20260301-235957-000.json.part"}) {
            java.nio.file.Files.writeString(new File(session, half).toPath(), "half");
        }
        java.nio.file.Files.writeString(new File(session, "notes.txt").toPath(), "the user's own");
        Photos.Album album = photos.album();
        assertEquals(1, album.photos.size());
        assertEquals(List.of(), album.damaged);
        assertEquals(names("20260301-235950/20260301-235950-000.json", "20260301-235950/20260301-235950-000.png",
                "20260301-235950/notes.txt"), files());
    }

    @Test
    void aDamagedOrNewerDocumentIsShownAndMayBeDeleted() throws Exception {
        Photo damaged = keep(START);
        Photo newer = keep(START + MINUTE);
        new Disk().write(Photo.document(damaged.picture), "{\"photo_version\": 1");
        new Disk().write(Photo.document(newer.picture), newer.text().replace("\"photo_version\": 1", "\"photo_version\": 2"));
        Photos.Album album = photos.album();
        assertEquals(List.of(), album.photos);
        assertEquals(2, album.damaged.size());
        photos.delete(album.damaged.get(0));
        assertEquals(1, photos.album().damaged.size());
    }

    @Test
    void theNewestComesFirst() throws Exception {
        keep(START);
        keep(START + 2 * MINUTE);
        keep(START + MINUTE);
        List<String> times = photos.album().photos.stream().map(photo -> photo.takenAt).collect(Collectors.toList());
        assertEquals(List.of("2026-03-02T00:01:50.000Z", "2026-03-02T00:00:50.000Z", "2026-03-01T23:59:50.000Z"), times);
    }
}
