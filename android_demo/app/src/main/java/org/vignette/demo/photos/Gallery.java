package org.vignette.demo.photos;

import android.graphics.Bitmap;
import android.os.Handler;
import android.os.Looper;
import java.io.File;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.App;
import org.vignette.demo.core.Phone;
import org.vignette.demo.core.StorageException;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Shot;

/**
 * The only owner of the photos: keeps, labels, lists and deletes them on the storage thread. Methods are called on the
 * main thread and return immediately; the listener is called there too, but never after {@link #close}, though pending
 * work is still done.
 */
public final class Gallery {
    /** Called on the main thread. */
    public interface Listener {
        /** @param image its pixels. */
        void onKept(Photo photo, Bitmap image);

        void onLabelled(Photo photo);

        void onAlbum(Photos.Album album);

        void onStorageError(StorageException error);
    }

    /** Work that may fail for lack of space. */
    private interface Work {
        void run(Photos photos) throws StorageException;
    }

    private final App app;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private boolean closed;

    public Gallery(App app, Listener listener) {
        this.app = app;
        this.listener = listener;
    }

    public void keep(Shot shot) {
        post(photos -> {
            JSONObject phone = new JSONObject();
            Photo photo;
            try {
                Phone.describe(app.context(), phone);
                photo = photos.save(shot, phone);
            } catch (JSONException e) {
                throw new AssertionError("numbers of a phone are JSON", e);
            }
            Bitmap image = Frame.bitmap(shot.rgb, shot.width, shot.height);
            tell(() -> listener.onKept(photo, image));
        });
    }

    /** @param label one of the photo's labels; null for none of them. */
    public void label(Photo photo, String label) {
        long now = System.currentTimeMillis();
        post(photos -> {
            Photo labelled = photos.label(photo, label, now);
            tell(() -> listener.onLabelled(labelled));
        });
    }

    /** Deletes pictures and their documents. */
    public void remove(List<File> pictures) {
        post(photos -> {
            for (File picture : pictures) {
                photos.delete(picture);
            }
        });
    }

    void look() {
        post(photos -> {
            Photos.Album album = photos.album();
            tell(() -> listener.onAlbum(album));
        });
    }

    public void close() {
        closed = true;
    }

    private void post(Work work) {
        app.storageThread().post(() -> {
            try {
                work.run(new Photos(new File(app.external(), "photos"), app.disk()));
            } catch (StorageException e) {
                tell(() -> listener.onStorageError(e));
            }
        });
    }

    private void tell(Runnable news) {
        main.post(() -> {
            if (!closed) {
                news.run();
            }
        });
    }
}
