package org.vignette.demo;

import android.app.Activity;
import android.graphics.Bitmap;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.Toast;
import java.util.Collections;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.photos.Gallery;
import org.vignette.demo.photos.Photo;

/**
 * From pressing the shutter to the user's label for the photo: the model's labels, most probable first, and "none of
 * them". The question stays open until it is answered, whatever happens to the screen. Main thread only.
 */
final class Shutter implements Gallery.Listener {
    /** The screen it belongs to. */
    interface Host {
        void show(UiState next);

        /** Takes the next step. */
        void advance();

        /** Goes back from a photo to the camera, or takes the next step if there was none. */
        void look();
    }

    private final Activity activity;
    private final Host host;
    private final View panel;
    private final ViewGroup labels;
    private Gallery gallery;
    /** One photo at a time: a second press before the question appears is accidental. */
    private boolean keeping;
    /** Whether it is known if a question is open. */
    private boolean ready;
    /** The open question; null if there is none. */
    private UiState question;
    /** What the panel asks about; null for nothing. */
    private Photo photo;

    /** @param activity is also the host; its views exist already. */
    <A extends Activity & Host> Shutter(A activity) {
        this.activity = activity;
        host = activity;
        panel = activity.findViewById(R.id.question);
        labels = activity.findViewById(R.id.labels);
        activity.findViewById(R.id.none).setOnClickListener(view -> label(null));
        activity.findViewById(R.id.later).setOnClickListener(view -> answered());
        activity.findViewById(R.id.unwanted).setOnClickListener(view -> {
            gallery.remove(Collections.singletonList(photo.picture));
            answered();
        });
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

    /**
     * Shows the question on the screen.
     *
     * @param asked null for none.
     */
    void ask(Photo asked) {
        panel.setVisibility(asked == null ? View.GONE : View.VISIBLE);
        if (asked == photo) {
            return;
        }
        photo = asked;
        labels.removeAllViews();
        if (asked == null) {
            return;
        }
        panel.scrollTo(0, 0);
        for (String label : asked.labels) {
            Button button = (Button) activity.getLayoutInflater().inflate(R.layout.label, labels, false);
            button.setText(label);
            button.setOnClickListener(view -> label(label));
            labels.addView(button);
        }
    }

    /** @param label null for none of them. */
    private void label(String label) {
        gallery.label(photo, label);
        answered();
    }

    private void answered() {
        question = null;
        gallery.closeQuestion();
        host.look();
    }

    @Override
    public void onQuestion(Photo asked, Bitmap image) {
        ready = true;
        keeping = false;
        question = asked == null ? null : UiState.taken(asked, image);
        if (question == null) {
            // Perhaps it was answered in the list of photos meanwhile.
            host.look();
        } else {
            host.advance();
        }
    }

    @Override
    public void onLabelled(Photo labelled) {
        String words = labelled.naming == Photo.Naming.NONE ? activity.getString(R.string.said_none)
                : activity.getString(R.string.said, labelled.truth);
        Toast.makeText(activity, words, Toast.LENGTH_SHORT).show();
    }

    @Override
    public void onStorageError(LocalizedException error) {
        keeping = false;
        host.show(UiState.notKept(error));
    }
}
