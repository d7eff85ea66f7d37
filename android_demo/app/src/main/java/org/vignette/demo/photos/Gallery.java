package org.vignette.demo.photos;

import android.content.Context;
import android.content.SharedPreferences;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.os.Handler;
import android.os.Looper;
import java.io.File;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.App;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Frame.Shot;

/**
 * The only owner of the photos: keeps, labels, lists and deletes them on the storage thread. Methods are called on the
 * main thread and return immediately; the listener is called there too, but never after {@link #close}, though pending
 * work is still done.
 */
public final class Gallery {
    /** Called on the main thread. */
    public interface Listener {
        /**
         * What a photo shows is to be asked: it was just kept, or was not answered before the app was left.
         *
         * @param photo null if no question is open.
         * @param image its pixels; null without a photo.
         */
        default void onQuestion(Photo photo, Bitmap image) {}

        void onLabelled(Photo photo);

        default void onAlbum(Photos.Album album) {}

        /** @param zip all photos and their documents. */
        default void onZip(File zip) {}

        void onStorageError(LocalizedException error);
    }

    /** Work that may fail for lack of space. */
    private interface Work {
        void run(Photos photos) throws LocalizedException;
    }

    private static final String PREFERENCES = "photos";
    /** The picture whose question is open. */
    private static final String ASKED = "asked";

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
            preferences().edit().putString(ASKED, photo.picture.getPath()).apply();
            Bitmap image = Frame.bitmap(shot.rgb, shot.width, shot.height);
            tell(() -> listener.onQuestion(photo, image));
        });
    }

    /** Asks again what was left unanswered, even by a process that has ended since. */
    public void askAgain() {
        app.storageThread().post(() -> {
            String path = preferences().getString(ASKED, null);
            Photo photo = path == null ? null : Photos.unlabelled(new File(path), app.disk());
            Bitmap image = photo == null ? null : BitmapFactory.decodeFile(path);
            tell(() -> listener.onQuestion(image == null ? null : photo, image));
        });
    }

    /** The question was answered, or is to be answered in the list of photos. */
    public void closeQuestion() {
        app.storageThread().post(() -> preferences().edit().remove(ASKED).apply());
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

    /** Packs all photos into one file. */
    void zip() {
        post(photos -> {
            File zip = photos.zip();
            tell(() -> listener.onZip(zip));
        });
    }

    public void close() {
        closed = true;
    }

    private SharedPreferences preferences() {
        return app.context().getSharedPreferences(PREFERENCES, Context.MODE_PRIVATE);
    }

    private void post(Work work) {
        app.storageThread().post(() -> {
            try {
                work.run(new Photos(new File(app.external(), "photos"), app.disk()));
            } catch (LocalizedException e) {
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
