package org.vignette.demo.benchmark;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import org.vignette.demo.R;
import org.vignette.demo.core.Phone;

/**
 * The benchmark screen. Started from the menu, or by adb with an intent; the manifest lets no other app start it.
 * Intents can only measure models from the app's own models folder.
 */
public final class BenchmarkActivity extends Activity implements BenchmarkSession.Listener {
    static final String LIST = "org.vignette.demo.action.LIST";
    static final String BENCHMARK = "org.vignette.demo.action.BENCHMARK";
    static final String CANCEL = "org.vignette.demo.action.CANCEL";

    private BenchmarkSession session;
    private BenchmarkScreen screen;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        session = ((BenchmarkSession.Owner) getApplication()).benchmark();
        screen = new BenchmarkScreen(this, new BenchmarkScreen.Buttons() {
            @Override
            public void onStart(boolean sustained) {
                String name = "phone-" + Phone.utc("yyyyMMdd-HHmmss", System.currentTimeMillis());
                session.start(BenchmarkRequest.usual(name, sustained), true);
            }

            @Override
            public void onStop() {
                session.stop(R.string.benchmark_cancelled);
            }

            @Override
            public void onAgain() {
                session.look();
            }
        });
        if (saved == null) {
            obey(getIntent());
        } else if (session.state().kind == BenchmarkState.Kind.LOOKING) {
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
        screen.show(session.state());
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

    @Override
    public void onBenchmark(BenchmarkState state) {
        screen.show(state);
    }

    private void obey(Intent intent) {
        String action = intent.getAction();
        if (!LIST.equals(action) && !BENCHMARK.equals(action) && !CANCEL.equals(action)) {
            session.look();
            return;
        }
        String name;
        try {
            name = BenchmarkRequest.session(intent.getExtras());
        } catch (BenchmarkException e) {
            session.refuse(e);
            return;
        }
        if (LIST.equals(action)) {
            session.look();
            session.list(name);
        } else if (CANCEL.equals(action)) {
            session.stop(name, R.string.benchmark_cancelled);
        } else {
            try {
                session.start(BenchmarkRequest.read(intent.getExtras()), false);
            } catch (BenchmarkException e) {
                session.refuse(name, e);
            }
        }
    }
}
