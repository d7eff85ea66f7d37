package org.vignette.demo.photos;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.image.Png;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.ModelFile;

/**
 * The photos the user kept, in the photos folder of the app's external files: a folder per session, a picture and a
 * document per photo. The document is written last, so a picture without one was never finished and is deleted.
 * Storage thread only.
 */
public final class Photos {
    /** The longest gap within a session, in milliseconds. */
    private static final long SESSION_MS = 30 * 60 * 1000;
    private static final String SESSION = "yyyyMMdd-HHmmss";
    private static final String NAME = "yyyyMMdd-HHmmss-SSS";
    private static final Pattern SESSION_FOLDER = Pattern.compile("\\d{8}-\\d{6}");
    /** Beside the folder: all photos in one file, to be shared. */
    private static final String ZIP = "shared/vignette-photos.zip";
    private static final Pattern PICTURE = Pattern.compile("\\d{8}-\\d{6}-\\d{3}\\.png");

    /** The contents of the folder. Immutable. */
    public static final class Album {
        /** Newest first. */
        public final List<Photo> photos;
        /** Pictures whose document cannot be read. */
        final List<File> damaged;

        Album(List<Photo> photos, List<File> damaged) {
            this.photos = Collections.unmodifiableList(photos);
            this.damaged = Collections.unmodifiableList(damaged);
        }
    }

    private final File folder;
    private final Disk disk;

    /** @param folder need not exist. */
    public Photos(File folder, Disk disk) {
        this.folder = folder;
        this.disk = disk;
    }

    /**
     * Keeps a photo.
     *
     * @param phone {@code app}, {@code device} and {@code runtime}.
     * @throws LocalizedException it could not be kept; nothing is left behind.
     */
    public Photo save(Shot shot, JSONObject phone) throws LocalizedException, JSONException {
        File session = new File(folder, session(shot.takenAt));
        long time = shot.takenAt;
        File picture = new File(session, Phone.utc(NAME, time) + ".png");
        while (picture.exists()) {
            picture = new File(session, Phone.utc(NAME, ++time) + ".png");
        }
        byte[] png = Png.encode(shot.rgb, shot.width, shot.height);
        Photo photo = Photo.of(shot, picture, ModelFile.sha256(ByteBuffer.wrap(png)), phone);
        try {
            disk.write(picture, png);
            disk.write(Photo.document(picture), photo.text());
        } catch (LocalizedException e) {
            picture.delete();
            session.delete();
            throw e;
        }
        return photo;
    }

    /** All photos; leftovers of an interrupted save are deleted. */
    public Album album() {
        List<Photo> photos = new ArrayList<>();
        List<File> damaged = new ArrayList<>();
        for (File session : Disk.inside(folder)) {
            if (!SESSION_FOLDER.matcher(session.getName()).matches()) {
                continue;
            }
            for (File file : Disk.inside(session)) {
                if (file.getName().endsWith(Disk.PART)) {
                    file.delete();
                } else if (PICTURE.matcher(file.getName()).matches()) {
                    read(file, photos, damaged);
                }
            }
            // Only succeeds if it is empty.
            session.delete();
        }
        Collections.reverse(photos);
        return new Album(photos, damaged);
    }

    /** A photo that nobody has labelled; null if it was labelled, is damaged, or is gone. */
    static Photo unlabelled(File picture, Disk disk) {
        try {
            Photo photo = Photo.read(picture, disk.read(Photo.document(picture)));
            return photo.naming == Photo.Naming.NOTHING ? photo : null;
        } catch (LocalizedException | JSONException e) {
            return null;
        }
    }

    /**
     * Stores the user's label.
     *
     * @param label one of the photo's labels; null for none of them.
     */
    public Photo label(Photo photo, String label, long now) throws LocalizedException {
        Photo labelled = photo.withLabel(label, now);
        disk.write(Photo.document(photo.picture), labelled.text());
        return labelled;
    }

    /** Deletes a photo: the document first, so that {@link #album} cleans up after an interruption. */
    void delete(File picture) throws LocalizedException {
        disk.delete(Photo.document(picture));
        disk.delete(picture);
        picture.getParentFile().delete();
        disk.delete(new File(folder.getParentFile(), ZIP));
    }

    /** All readable photos with their documents in one zip: {@code SESSION/TIME.png} and {@code SESSION/TIME.json}. */
    File zip() throws LocalizedException {
        List<Photo> photos = album().photos;
        File zip = new File(folder.getParentFile(), ZIP);
        disk.write(zip, out -> {
            ZipOutputStream entries = new ZipOutputStream(out);
            // Pictures are compressed already.
            entries.setLevel(Deflater.BEST_SPEED);
            for (Photo photo : photos) {
                for (File file : new File[] {photo.picture, Photo.document(photo.picture)}) {
                    entries.putNextEntry(new ZipEntry(file.getParentFile().getName() + "/" + file.getName()));
                    Files.copy(file.toPath(), entries);
                    entries.closeEntry();
                }
            }
            entries.finish();
        });
        return zip;
    }

    private void read(File picture, List<Photo> photos, List<File> damaged) {
        File document = Photo.document(picture);
        if (!document.exists()) {
            picture.delete();
            return;
        }
        try {
            photos.add(Photo.read(picture, disk.read(document)));
        } catch (LocalizedException | JSONException e) {
            damaged.add(picture);
        }
    }

    /** The session of a new photo: the newest one if its last photo is recent enough, otherwise a new one. */
    private String session(long takenAt) {
        String newest = null;
        for (File session : Disk.inside(folder)) {
            if (SESSION_FOLDER.matcher(session.getName()).matches()) {
                newest = session.getName();
            }
        }
        if (newest != null) {
            // Times in names have equal length, so they can be compared as text.
            String oldest = Phone.utc(NAME, takenAt - SESSION_MS);
            String latest = Phone.utc(NAME, takenAt);
            for (File file : Disk.inside(new File(folder, newest))) {
                String name = file.getName();
                if (PICTURE.matcher(name).matches() && name.compareTo(oldest) >= 0
                        && name.substring(0, latest.length()).compareTo(latest) <= 0) {
                    return newest;
                }
            }
        }
        return Phone.utc(SESSION, takenAt);
    }
}
