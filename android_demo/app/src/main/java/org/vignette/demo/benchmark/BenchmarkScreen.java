package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.res.Resources;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.CheckBox;
import android.widget.ProgressBar;
import android.widget.TextView;
import org.vignette.demo.R;
import org.vignette.demo.core.SharedFiles;
import org.vignette.demo.core.Views;

/** The benchmark's views, and the only place that turns a {@link BenchmarkState} into what they show. */
final class BenchmarkScreen {
    /** Told about the user's actions. */
    interface Buttons {
        void onStart(boolean sustained);

        void onStop();

        void onAgain();
    }

    private final Activity activity;
    private final Resources resources;
    private final TextView title;
    private final TextView text;
    private final ViewGroup results;
    private final ProgressBar bar;
    private final CheckBox sustained;
    private final Button button;
    private final Button share;
    private BenchmarkState state;

    BenchmarkScreen(Activity activity, Buttons buttons) {
        this.activity = activity;
        activity.setContentView(R.layout.benchmark);
        resources = activity.getResources();
        title = activity.findViewById(R.id.title);
        text = activity.findViewById(R.id.text);
        results = activity.findViewById(R.id.results);
        bar = activity.findViewById(R.id.bar);
        sustained = activity.findViewById(R.id.sustained);
        button = activity.findViewById(R.id.button);
        share = activity.findViewById(R.id.share);
        button.setOnClickListener(view -> {
            if (state.kind == BenchmarkState.Kind.READY) {
                buttons.onStart(sustained.isChecked());
            } else if (state.kind == BenchmarkState.Kind.RUNNING) {
                buttons.onStop();
            } else {
                buttons.onAgain();
            }
        });
        share.setOnClickListener(view -> SharedFiles.share(activity, "application/json", state.file));
        Views.edgeToEdge(activity, activity.findViewById(R.id.message));
    }

    void show(BenchmarkState next) {
        state = next;
        boolean ready = next.kind == BenchmarkState.Kind.READY;
        boolean running = next.kind == BenchmarkState.Kind.RUNNING;
        boolean done = next.kind == BenchmarkState.Kind.DONE;
        title.setText(heading());
        Views.setText(text, message());
        Views.setVisible(bar, running);
        Views.setVisible(sustained, ready && measurable());
        Views.setVisible(button, running || done || next.kind == BenchmarkState.Kind.FAILED || ready && measurable());
        button.setText(ready ? R.string.benchmark_start : running ? R.string.benchmark_stop : R.string.benchmark_again);
        Views.setVisible(share, done);
        Views.setVisible(results, done);
        results.removeAllViews();
        if (running && next.step != null) {
            bar.setMax(next.step.of);
            bar.setProgress(next.step.done);
        } else if (running) {
            bar.setProgress(0);
        }
        if (done) {
            new BenchmarkTable(activity).fill(results, next.result);
        }
        // The phone must not go to sleep during a benchmark.
        results.setKeepScreenOn(running);
        text.setKeepScreenOn(running);
    }

    private int heading() {
        switch (state.kind) {
            case LOOKING:
                return R.string.loading_title;
            case READY:
                return R.string.benchmark_title;
            case RUNNING:
                return R.string.benchmark_running;
            case DONE:
                return R.string.benchmark_done;
            default:
                return R.string.benchmark_failed;
        }
    }

    private boolean measurable() {
        for (Candidate model : state.models) {
            if (model.error == null) {
                return true;
            }
        }
        return false;
    }

    private String message() {
        switch (state.kind) {
            case READY:
                return ready();
            case RUNNING:
                return state.step == null ? "" : state.step.message(resources);
            case FAILED:
                return state.error.message(resources);
            case DONE:
                return BenchmarkTable.conditions(resources, state.result);
            default:
                return "";
        }
    }

    private String ready() {
        if (state.models.isEmpty()) {
            return resources.getString(R.string.benchmark_empty);
        }
        StringBuilder words = new StringBuilder(resources.getString(R.string.benchmark_text));
        for (Candidate model : state.models) {
            String name = model.inside ? resources.getString(R.string.model_inside) : model.name;
            words.append("\n\n").append(model.error != null
                    ? resources.getString(R.string.model_unusable, name, model.error.message(resources))
                    : resources.getString(R.string.model_usable, name, model.file.contract.flavour,
                            model.file.contract.modelBytes / 1024));
        }
        return words.toString();
    }
}
