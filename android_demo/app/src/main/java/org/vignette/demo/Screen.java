package org.vignette.demo;

import android.app.Activity;
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
import org.vignette.demo.model.SelfTest;

/** The views, and the only place that turns a {@link UiState} into what they show. Main thread only. */
final class Screen {
    final View menu;
    final View shutter;

    private final Resources resources;
    private final View viewfinder;
    private final View preview;
    private final View guide;
    private final ImageView picture;
    private final View panel;
    private final TextView headline;
    private final ViewGroup rows;
    private final TextView latency;
    private final View doubtful;
    private final Button toCamera;
    private final View message;
    private final TextView title;
    private final TextView text;
    private final Button button;
    private final Question question;
    private UiState.Act act = UiState.Act.NONE;

    /**
     * @param onAct called when a button is pressed.
     * @param onQuestion told how the user labels a photo.
     */
    Screen(Activity activity, Consumer<UiState.Act> onAct, Question.Listener onQuestion) {
        activity.setContentView(R.layout.main);
        resources = activity.getResources();
        preview = activity.findViewById(R.id.preview);
        guide = activity.findViewById(R.id.guide);
        viewfinder = activity.findViewById(R.id.viewfinder);
        picture = activity.findViewById(R.id.picture);
        panel = activity.findViewById(R.id.panel);
        headline = activity.findViewById(R.id.headline);
        rows = activity.findViewById(R.id.rows);
        latency = activity.findViewById(R.id.latency);
        doubtful = activity.findViewById(R.id.doubtful);
        toCamera = activity.findViewById(R.id.to_camera);
        message = activity.findViewById(R.id.message);
        title = activity.findViewById(R.id.title);
        text = activity.findViewById(R.id.text);
        button = activity.findViewById(R.id.button);
        menu = activity.findViewById(R.id.menu);
        shutter = activity.findViewById(R.id.shutter);
        question = new Question(activity, onQuestion);
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
        Views.setVisible(shutter, live);
        shutter.setEnabled(live && state.answer != null);
        Views.setVisible(picture, still || taken);
        Views.setVisible(panel, live || still);
        Views.setVisible(message, !live && !still && !taken);
        question.show(state.photo);
        if (taken) {
            picture.setImageBitmap(state.image);
        } else if (live || still) {
            answer(state);
            Views.setVisible(doubtful, state.doubtful);
            Views.setVisible(toCamera, still);
            picture.setImageDrawable(still ? crisp(state) : null);
        } else {
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
        if (answer == null) {
            Views.setText(headline, resources.getString(R.string.looking));
            for (int i = 0; i < rows.getChildCount(); i++) {
                // Not GONE, so that the guide does not move when the first answer arrives.
                rows.getChildAt(i).setVisibility(View.INVISIBLE);
            }
            latency.setText(null);
            return;
        }
        Views.setText(headline, answer.known ? answer.best.get(0).label : resources.getString(R.string.unknown));
        for (int i = 0; i < rows.getChildCount(); i++) {
            Views.setVisible(rows.getChildAt(i), i < answer.best.size());
        }
        for (int i = 0; i < answer.best.size(); i++) {
            Answer.Score score = answer.best.get(i);
            int percent = Math.round(100 * score.probability);
            View row = rows.getChildAt(i);
            String number = resources.getString(R.string.percent, percent);
            ((TextView) row.findViewById(R.id.label)).setText(score.label);
            ((TextView) row.findViewById(R.id.number)).setText(number);
            ProgressBar bar = row.findViewById(R.id.bar);
            bar.setProgress(Math.round(bar.getMax() * score.probability));
            row.setContentDescription(resources.getString(R.string.row_spoken, score.label, number));
        }
        latency.setText(resources.getString(R.string.latency, answer.grabMs, answer.letterboxMs, answer.modelMs));
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
