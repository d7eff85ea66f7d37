package org.vignette.demo;

import android.graphics.Bitmap;
import android.os.Handler;
import android.os.Looper;
import java.io.File;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * The one owner of the photos: keeps, labels, lists and removes them on the storage thread. Methods are called on the
 * main thread and return at once; the listener is told there too, and nothing after {@link #close}, though what was
 * asked for is still done.
 */
final class Gallery {
    /** Hears of everything on the main thread. */
    interface Listener {
        /** @param seen its pixels. */
        void onKept(Photo photo, Bitmap seen);

        void onSaid(Photo photo);

        void onAlbum(Photos.Album album);

        void onStorageWrong(StorageException wrong);
    }

    /** What may fail for want of room. */
    private interface Work {
        void run(Photos photos) throws StorageException;
    }

    private final DemoApp app;
    private final Listener listener;
    private final Handler main = new Handler(Looper.getMainLooper());
    private boolean closed;

    Gallery(DemoApp app, Listener listener) {
        this.app = app;
        this.listener = listener;
    }

    void keep(Shot shot) {
        post(photos -> {
            JSONObject phone = new JSONObject();
            Photo photo;
            try {
                Phone.describe(app, phone);
                photo = photos.save(shot, phone);
            } catch (JSONException e) {
                throw new AssertionError("numbers of a phone are JSON", e);
            }
            Bitmap seen = Frame.bitmap(shot.rgb, shot.width, shot.height);
            tell(() -> listener.onKept(photo, seen));
        });
    }

    /** @param label one of the photo's labels; null for none of them. */
    void say(Photo photo, String label) {
        long now = System.currentTimeMillis();
        post(photos -> {
            Photo said = photos.label(photo, label, now);
            tell(() -> listener.onSaid(said));
        });
    }

    /** Removes pictures and their documents. */
    void remove(List<File> pictures) {
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

    void close() {
        closed = true;
    }

    private void post(Work work) {
        app.storageThread().post(() -> {
            try {
                work.run(new Photos(new File(app.external(), "photos"), app.disk()));
            } catch (StorageException e) {
                tell(() -> listener.onStorageWrong(e));
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
