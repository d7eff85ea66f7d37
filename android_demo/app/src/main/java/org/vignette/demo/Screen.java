package org.vignette.demo;

import android.app.Activity;
import android.content.res.ColorStateList;
import android.content.res.Resources;
import android.graphics.drawable.BitmapDrawable;
import android.view.View;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.ImageView;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.util.function.Consumer;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.SelfTest;
import org.vignette.demo.photos.Photo;

/** The views, and the only place that turns a {@link UiState} into what they show. Main thread only. */
final class Screen {
    /** After so long without a change of the answer the phone may turn its screen off, as nobody is looking. */
    static final long AWAKE_MS = 5 * 60 * 1000;
    private static final float DISABLED = 0.4f;

    private final Activity activity;
    private final Resources resources;
    private final View viewfinder;
    private final View preview;
    private final View guide;
    private final ImageView menu;
    private final View shutter;
    private final View controls;
    private final ImageView picture;
    private final View panel;
    private final TextView headline;
    private final TextView number;
    private final ProgressBar bar;
    private final ViewGroup rows;
    private final TextView latency;
    private final View doubtful;
    private final Button toCamera;
    private final View message;
    private final TextView title;
    private final TextView text;
    private final Button button;
    private final Consumer<Photo> onPhoto;
    private final Runnable sleep;
    private UiState.Act act = UiState.Act.NONE;

    /**
     * @param onAct called when a button is pressed.
     * @param onPhoto shows the question about a photo, or null for none.
     */
    Screen(Activity activity, Consumer<UiState.Act> onAct, Consumer<Photo> onPhoto) {
        activity.setContentView(R.layout.main);
        this.activity = activity;
        resources = activity.getResources();
        preview = activity.findViewById(R.id.preview);
        menu = activity.findViewById(R.id.menu);
        guide = activity.findViewById(R.id.guide);
        viewfinder = activity.findViewById(R.id.viewfinder);
        shutter = activity.findViewById(R.id.shutter);
        controls = activity.findViewById(R.id.controls);
        picture = activity.findViewById(R.id.picture);
        panel = activity.findViewById(R.id.panel);
        headline = activity.findViewById(R.id.headline);
        number = activity.findViewById(R.id.number);
        bar = activity.findViewById(R.id.bar);
        rows = activity.findViewById(R.id.rows);
        latency = activity.findViewById(R.id.latency);
        doubtful = activity.findViewById(R.id.doubtful);
        toCamera = activity.findViewById(R.id.to_camera);
        message = activity.findViewById(R.id.message);
        title = activity.findViewById(R.id.title);
        text = activity.findViewById(R.id.text);
        button = activity.findViewById(R.id.button);
        this.onPhoto = onPhoto;
        sleep = () -> viewfinder.setKeepScreenOn(false);
        button.setOnClickListener(view -> onAct.accept(act));
        toCamera.setOnClickListener(view -> onAct.accept(UiState.Act.CAMERA));
        Views.edgeToEdge(activity, message, panel, activity.findViewById(R.id.question));
    }

    void show(UiState state) {
        boolean live = state.kind == UiState.Kind.LIVE;
        boolean still = state.kind == UiState.Kind.PICTURE;
        boolean taken = state.kind == UiState.Kind.TAKEN;
        Views.setVisible(viewfinder, live || still || taken);
        Views.setVisible(guide, live);
        // Not GONE while the user is asked about a photo, so that the camera keeps its texture.
        preview.setVisibility(live ? View.VISIBLE : taken ? View.INVISIBLE : View.GONE);
        Views.setVisible(controls, live);
        shutter.setEnabled(live && state.answer != null);
        shutter.setAlpha(shutter.isEnabled() ? 1 : DISABLED);
        Views.setVisible(picture, still || taken);
        picture.setImageDrawable(still ? crisp(state) : taken ? new BitmapDrawable(resources, state.image) : null);
        Views.setVisible(panel, live || still);
        Views.setVisible(message, !live && !still && !taken);
        menu.setImageResource(live || still || taken ? R.drawable.menu : R.drawable.menu_plain);
        onPhoto.accept(state.photo);
        if (!live) {
            viewfinder.removeCallbacks(sleep);
            viewfinder.setKeepScreenOn(false);
        }
        if (live || still) {
            answer(state);
            Views.setVisible(doubtful, state.doubtful);
            Views.setVisible(toCamera, still);
        } else if (!taken) {
            act = state.kind.act;
            title.setText(state.doubtful ? R.string.tested_wrong_title : state.kind.title);
            Views.setText(text, message(state));
            Views.setVisible(button, act != UiState.Act.NONE);
            if (act != UiState.Act.NONE) {
                button.setText(act.label);
            }
        }
    }

    private void answer(UiState state) {
        Answer answer = state.answer;
        String words = answer == null ? resources.getString(R.string.looking)
                : answer.known ? answer.best.get(0).label : resources.getString(R.string.unknown);
        if (state.kind == UiState.Kind.LIVE && (!words.contentEquals(headline.getText()) || answer == null)) {
            viewfinder.removeCallbacks(sleep);
            viewfinder.setKeepScreenOn(true);
            viewfinder.postDelayed(sleep, AWAKE_MS);
        }
        // A screen reader speaks the headline whenever it changes; percentages change with every frame.
        Views.setText(headline, words);
        boolean known = answer != null && answer.known;
        float best = answer == null ? 0 : answer.best.get(0).probability;
        number.setText(known ? percent(best) : null);
        bar.setProgress(Math.round(bar.getMax() * best));
        bar.setProgressTintList(
                ColorStateList.valueOf(activity.getColor(known ? R.color.accent : R.color.on_surface_soft)));
        int first = known ? 1 : 0;
        for (int i = 0; i < rows.getChildCount(); i++) {
            View row = rows.getChildAt(i);
            boolean filled = answer != null && first + i < answer.best.size();
            // Not GONE, so that the guide does not move when the first answer arrives.
            row.setVisibility(filled ? View.VISIBLE : View.INVISIBLE);
            if (filled) {
                Answer.Score score = answer.best.get(first + i);
                ((TextView) row.findViewById(R.id.label)).setText(score.label);
                ((TextView) row.findViewById(R.id.percent)).setText(percent(score.probability));
            }
        }
        latency.setText(answer == null ? null : (answer.flavour == null ? "" : Contract.words(answer.flavour) + " · ")
                + resources.getString(R.string.latency, answer.grabMs, answer.letterboxMs, answer.modelMs));
    }

    private String percent(float probability) {
        return resources.getString(R.string.percent, Math.round(100 * probability));
    }

    private String message(UiState state) {
        if (state.error != null) {
            return state.error.message(resources);
        }
        if (state.report != null) {
            return message(state.report);
        }
        return state.kind.text == 0 ? "" : resources.getString(state.kind.text);
    }

    private String message(SelfTest.Report report) {
        if (report.wrongLetterbox != null) {
            return resources.getString(R.string.letterbox_wrong, report.wrongLetterbox);
        }
        StringBuilder words = new StringBuilder(resources.getQuantityString(
                R.plurals.letterbox_equal, report.vectors, report.vectors));
        for (SelfTest.Run run : report.runs) {
            String kernels = resources.getString(run.kernels.xnnpack ? R.string.kernels_xnnpack
                    : R.string.kernels_built_in, run.kernels.numThreads);
            double largest = 100 * run.largestDifference;
            double allowed = 100 * run.allowed;
            words.append("\n\n");
            if (run.topChanged) {
                words.append(resources.getString(R.string.run_top_changed, kernels, run.wrongVector, largest, allowed));
            } else if (run.wrongVector != null) {
                words.append(resources.getString(R.string.run_wrong, kernels, run.wrongVector, largest, allowed));
            } else if (run.largestDifference == 0) {
                words.append(resources.getString(R.string.run_equal, kernels));
            } else {
                words.append(resources.getString(R.string.run_within, kernels, largest, allowed));
            }
        }
        if (report.weaker) {
            words.append("\n\n").append(resources.getString(R.string.contract_weaker));
        }
        return words.toString();
    }

    /** The frame enlarged without smoothing, because these are exactly the model's input pixels. */
    private BitmapDrawable crisp(UiState state) {
        BitmapDrawable drawable = new BitmapDrawable(resources, state.image);
        drawable.setFilterBitmap(false);
        return drawable;
    }
}
