package org.vignette.demo;

import android.app.Activity;
import android.view.LayoutInflater;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import org.vignette.demo.photos.Photo;

/** Asks what a photo shows: the model's labels, most probable first, and "none of them". */
final class Question {
    /** Told the answer. */
    interface Listener {
        /** @param label null for none of them. */
        void onTruth(Photo photo, String label);

        void onLater();

        void onUnwanted(Photo photo);
    }

    private final View panel;
    private final ViewGroup labels;
    private final LayoutInflater inflater;
    private final Listener listener;
    private Photo photo;

    Question(Activity activity, Listener listener) {
        panel = activity.findViewById(R.id.question);
        labels = activity.findViewById(R.id.labels);
        inflater = activity.getLayoutInflater();
        this.listener = listener;
        activity.findViewById(R.id.none).setOnClickListener(view -> listener.onTruth(photo, null));
        activity.findViewById(R.id.later).setOnClickListener(view -> listener.onLater());
        activity.findViewById(R.id.unwanted).setOnClickListener(view -> listener.onUnwanted(photo));
    }

    /** @param asked null for no question. */
    void show(Photo asked) {
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
            Button button = (Button) inflater.inflate(R.layout.label, labels, false);
            button.setText(label);
            button.setOnClickListener(view -> listener.onTruth(asked, label));
            labels.addView(button);
        }
    }
}
