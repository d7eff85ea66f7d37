package org.vignette.demo;

import android.app.Activity;
import android.graphics.Bitmap;
import android.widget.Toast;
import java.util.Collections;
import org.vignette.demo.core.StorageException;
import org.vignette.demo.model.Shot;
import org.vignette.demo.photos.Gallery;
import org.vignette.demo.photos.Photo;

/** From pressing the shutter to the user's label for the photo. Main thread only. */
final class Shutter implements Gallery.Listener, Question.Listener {
    /** The screen it belongs to. */
    interface Host {
        UiState state();

        void show(UiState next);

        /** Takes the next step. */
        void advance();

        /** Goes back from a photo to the camera. */
        void look();
    }

    private final Activity activity;
    private final Host host;
    private Gallery gallery;
    /** One photo at a time: a second press before the question appears is accidental. */
    private boolean keeping;
    /** Whether it is known if a question is open. */
    private boolean ready;
    /** The open question; null if there is none. */
    private UiState question;

    /** @param activity is also the host. */
    <A extends Activity & Host> Shutter(A activity) {
        this.activity = activity;
        host = activity;
    }

    void open() {
        gallery = new Gallery((DemoApp) activity.getApplication(), this);
        keeping = false;
        ready = false;
        gallery.askAgain();
    }

    boolean isReady() {
        return ready;
    }

    /** The screen that asks about a photo; null if no question is open. */
    UiState question() {
        return question;
    }

    void close() {
        gallery.close();
    }

    /** Keeps a photo, then asks what it shows. */
    void keep(Shot shot) {
        if (!keeping) {
            keeping = true;
            gallery.keep(shot);
        }
    }

    @Override
    public void onQuestion(Photo photo, Bitmap image) {
        boolean first = !ready;
        ready = true;
        keeping = false;
        question = photo == null ? null : UiState.taken(photo, image);
        if (question == null && host.state().kind == UiState.Kind.TAKEN) {
            // It was answered in the list of photos meanwhile.
            host.look();
        } else if (question != null || first) {
            host.advance();
        }
    }

    private void answered() {
        question = null;
        gallery.closeQuestion();
        host.look();
    }

    @Override
    public void onTruth(Photo photo, String label) {
        gallery.label(photo, label);
        answered();
    }

    @Override
    public void onLater() {
        answered();
    }

    @Override
    public void onUnwanted(Photo photo) {
        gallery.remove(Collections.singletonList(photo.picture));
        answered();
    }

    @Override
    public void onLabelled(Photo photo) {
        String words = photo.naming == Photo.Naming.NONE ? activity.getString(R.string.said_none)
                : activity.getString(R.string.said, photo.truth);
        Toast.makeText(activity, words, Toast.LENGTH_SHORT).show();
    }

    @Override
    public void onStorageError(StorageException error) {
        keeping = false;
        host.show(UiState.notKept(error));
    }
}
