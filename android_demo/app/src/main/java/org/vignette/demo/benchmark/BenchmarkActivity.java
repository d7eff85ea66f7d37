package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.view.ViewGroup;
import android.widget.Button;
import android.widget.CheckBox;
import android.widget.ProgressBar;
import android.widget.TextView;
import java.io.File;
import org.vignette.demo.R;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.core.SharedFiles;
import org.vignette.demo.core.Views;

/**
 * The benchmark screen. Started from the menu, or by adb with an intent that starts measuring, too; the manifest lets no
 * other app start it.
 */
public final class BenchmarkActivity extends Activity implements BenchmarkSession.Listener {
    static final String BENCHMARK = "org.vignette.demo.action.BENCHMARK";

    private BenchmarkSession session;
    /** What is on the screen. */
    private BenchmarkSession.State state;
    private TextView title;
    private TextView text;
    private ViewGroup results;
    private ProgressBar bar;
    private CheckBox sustained;
    private Button button;
    private Button share;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.benchmark);
        title = findViewById(R.id.title);
        text = findViewById(R.id.text);
        results = findViewById(R.id.results);
        bar = findViewById(R.id.bar);
        sustained = findViewById(R.id.sustained);
        button = findViewById(R.id.button);
        share = findViewById(R.id.share);
        button.setOnClickListener(view -> press());
        share.setOnClickListener(view -> SharedFiles.share(this, "application/json",
                new File(getExternalFilesDir("benchmark"), state.result.optString("session") + ".json")));
        Views.edgeToEdge(this, findViewById(R.id.message));
        session = ((BenchmarkSession.Owner) getApplication()).benchmark();
        if (saved == null) {
            obey(getIntent());
        } else if (session.state().kind == BenchmarkSession.State.Kind.LOOKING) {
            // This is a new process; the results of the old one are in its file.
            session.look();
        }
    }

    @Override
    protected void onNewIntent(Intent intent) {
        super.onNewIntent(intent);
        setIntent(intent);
        obey(intent);
    }

    @Override
    protected void onStart() {
        super.onStart();
        session.listen(this);
        onBenchmark(session.state());
    }

    @Override
    protected void onStop() {
        session.listen(null);
        if (!isChangingConfigurations()) {
            // Android slows down apps in the background, so the figures would be meaningless.
            session.stop(R.string.benchmark_left);
        }
        super.onStop();
    }

    private void obey(Intent intent) {
        if (!BENCHMARK.equals(intent.getAction())) {
            session.look();
            return;
        }
        String name = null;
        try {
            name = BenchmarkRequest.session(intent.getExtras());
            session.start(BenchmarkRequest.read(intent.getExtras()));
        } catch (LocalizedException e) {
            session.refuse(name, e);
        }
    }

    private void press() {
        if (state.kind == BenchmarkSession.State.Kind.READY) {
            String name = "phone-" + Phone.utc("yyyyMMdd-HHmmss", System.currentTimeMillis());
            session.start(BenchmarkRequest.usual(name, sustained.isChecked()));
        } else if (state.kind == BenchmarkSession.State.Kind.RUNNING) {
            session.stop(R.string.benchmark_cancelled);
        } else {
            session.look();
        }
    }

    @Override
    public void onBenchmark(BenchmarkSession.State next) {
        state = next;
        boolean ready = next.kind == BenchmarkSession.State.Kind.READY;
        boolean running = next.kind == BenchmarkSession.State.Kind.RUNNING;
        boolean finished = next.kind == BenchmarkSession.State.Kind.FINISHED;
        boolean failed = next.kind == BenchmarkSession.State.Kind.FAILED;
        title.setText(ready ? R.string.benchmark_title : running ? R.string.benchmark_running
                : finished ? R.string.benchmark_done : failed ? R.string.benchmark_failed : R.string.loading_title);
        Views.setText(text, message());
        Views.setVisible(bar, running);
        Views.setVisible(sustained, ready && measurable());
        Views.setVisible(button, running || finished || failed || ready && measurable());
        button.setText(ready ? R.string.benchmark_start : running ? R.string.benchmark_stop : R.string.benchmark_again);
        // A computer takes its result away.
        Views.setVisible(share,
                finished && !next.result.optString("session").startsWith(BenchmarkSession.BY_ADB));
        Views.setVisible(results, finished);
        results.removeAllViews();
        bar.setMax(next.step == null ? 1 : next.step.of);
        bar.setProgress(next.step == null ? 0 : next.step.done);
        if (finished) {
            new BenchmarkTable(this).fill(results, next.result);
        }
        // The phone must not go to sleep during a benchmark.
        results.setKeepScreenOn(running);
        text.setKeepScreenOn(running);
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
                return state.step == null ? "" : state.step.message(getResources());
            case FAILED:
                return state.error.message(getResources());
            case FINISHED:
                return BenchmarkTable.conditions(getResources(), state.result);
            default:
                return "";
        }
    }

    private String ready() {
        if (state.models.isEmpty()) {
            return getString(R.string.benchmark_empty);
        }
        StringBuilder words = new StringBuilder(getString(R.string.benchmark_text));
        for (Candidate model : state.models) {
            String name = model.isBuiltIn() ? getString(R.string.model_inside) : model.contract;
            words.append("\n\n");
            if (model.error != null) {
                words.append(getString(R.string.model_unusable, name, model.error.message(getResources())));
            } else {
                words.append(BenchmarkTable.heading(getResources(), model.isBuiltIn(),
                        model.file.contract.flavour, model.file.contract.modelBytes));
            }
        }
        return words.toString();
    }
}
