package org.vignette.demo.benchmark;

import android.content.res.Resources;
import android.os.Handler;
import android.os.Looper;
import android.util.Log;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.core.StorageException;
import org.vignette.demo.model.ModelHost;

/**
 * The only benchmark that can run, and its files. It lives as long as the process, so that rotating the phone does not
 * end it, and measures on the model thread, so that nothing else uses a model meanwhile. Methods are called on the main
 * thread and return immediately; the listener is called there too.
 */
public final class BenchmarkSession implements Benchmark.Watcher {
    /** Told about every change. */
    interface Listener {
        void onBenchmark(BenchmarkState state);
    }

    /** Holds the only session; the application implements it. */
    public interface Owner {
        BenchmarkSession benchmark();
    }

    private static final String TAG = "Vignette";
    /** Between two checks whether the camera screen has closed its model, in milliseconds. */
    private static final int WAIT = 50;

    private final ModelHost app;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Resources english;
    private Listener listener;
    private BenchmarkState state = BenchmarkState.looking();
    /** The session that is running or waiting; null for none. */
    private volatile String running;
    private volatile BenchmarkException stopped;
    /** Model thread. */
    private Results results;

    public BenchmarkSession(ModelHost app) {
        this.app = app;
        english = Phone.english(app.context());
    }

    BenchmarkState state() {
        return state;
    }

    /** @param listener null for none. */
    void listen(Listener listener) {
        this.listener = listener;
    }

    /** Looks for models. */
    void look() {
        if (running != null) {
            return;
        }
        show(BenchmarkState.looking());
        app.modelThread().post(() -> {
            try {
                tell(BenchmarkState.ready(candidates(Collections.emptyList(), true)));
            } catch (LocalizedException e) {
                tell(BenchmarkState.failed(e));
            }
        });
    }

    /**
     * Starts measuring.
     *
     * @param inside whether the built-in model takes part; the request's models come from the folder only.
     */
    void start(BenchmarkRequest request, boolean inside) {
        if (running != null) {
            refuse(request.session, new BenchmarkException(R.string.benchmark_busy, running));
            return;
        }
        running = request.session;
        stopped = null;
        show(BenchmarkState.running(null));
        app.modelThread().post(() -> whenFree(() -> run(request, inside)));
    }

    /** Stops the running session, with a reason. */
    void stop(int text) {
        if (running != null && stopped == null) {
            stopped = new BenchmarkException(text);
        }
    }

    /** As above, if this is the running session. */
    void stop(String session, int text) {
        if (session.equals(running)) {
            stop(text);
        }
    }

    /** Writes a list of the readable models. */
    void list(String session) {
        app.modelThread().post(() -> {
            try {
                Results folder = results();
                folder.begin(session);
                JSONObject document = new JSONObject().put("listing_version", 1).put("session", session);
                Phone.describe(app.context(), document);
                models().list(document, english);
                folder.list(session, document);
                Log.i(TAG, "listed " + folder.listing(session));
            } catch (JSONException e) {
                throw new AssertionError(e);
            } catch (StorageException e) {
                Log.e(TAG, e.message(english));
                tell(BenchmarkState.failed(e));
            }
        });
    }

    /** Writes a failure for a session that cannot start. */
    void refuse(String session, BenchmarkException error) {
        refuse(error);
        if (!session.equals(running)) {
            // The model thread may be measuring.
            app.storageThread().post(() -> fail(session, error));
        }
    }

    /** Reports an error for which no file can be written. */
    void refuse(BenchmarkException error) {
        Log.e(TAG, error.message(english));
        if (running == null) {
            show(BenchmarkState.failed(error));
        }
    }

    @Override
    public void onStep(BenchmarkStep step) {
        try {
            results.progress(running, step, step.message(english));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (StorageException e) {
            // Writing the result will fail as well, and is reported.
            Log.w(TAG, e.message(english));
        }
        tell(BenchmarkState.running(step));
    }

    @Override
    public BenchmarkException stopped() {
        return stopped;
    }

    /** The camera screen closes its model only after this one is shown. */
    private void whenFree(Runnable work) {
        if (app.modelInUse() && stopped == null) {
            app.modelThread().postDelayed(() -> whenFree(work), WAIT);
        } else {
            work.run();
        }
    }

    private void run(BenchmarkRequest request, boolean inside) {
        try {
            results = results();
            results.begin(request.session);
            List<Candidate> all = candidates(request.models, inside);
            if (all.isEmpty()) {
                throw new BenchmarkException(R.string.models_none, models().path());
            }
            JSONObject document = header(request.session);
            new Benchmark(request, all, memory -> Conditions.read(app.context(), memory), english, this).run(document);
            File file = results.result(request.session);
            results.end(request.session, document);
            Log.i(TAG, "measured " + file);
            end(BenchmarkState.done(document, file));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (LocalizedException e) {
            Log.e(TAG, e.message(english));
            fail(request.session, e);
            end(BenchmarkState.failed(e));
        }
    }

    private void fail(String session, LocalizedException error) {
        boolean cancelled = error instanceof BenchmarkException && ((BenchmarkException) error).cancelled;
        try {
            results().end(session,
                    header(session).put("error", error.message(english)).put("cancelled", cancelled));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (StorageException e) {
            Log.e(TAG, e.message(english));
        }
    }

    private JSONObject header(String session) throws JSONException {
        JSONObject document = new JSONObject().put("benchmark_version", Benchmark.VERSION).put("session", session);
        Phone.describe(app.context(), document);
        return document;
    }

    private List<Candidate> candidates(List<String> names, boolean inside) throws LocalizedException {
        List<Candidate> all = new ArrayList<>(inside ? Candidate.builtIn(app.files()) : Collections.emptyList());
        all.addAll(models().candidates(names));
        if (all.size() > BenchmarkRequest.MOST_MODELS) {
            throw new BenchmarkException(R.string.models_many, all.size(), BenchmarkRequest.MOST_MODELS);
        }
        return all;
    }

    private Models models() throws StorageException {
        return new Models(new File(app.external(), "models"));
    }

    private Results results() throws StorageException {
        return new Results(new File(app.external(), "benchmark"), app.disk());
    }

    private void end(BenchmarkState last) {
        main.post(() -> {
            running = null;
            show(last);
        });
    }

    private void tell(BenchmarkState next) {
        main.post(() -> show(next));
    }

    private void show(BenchmarkState next) {
        state = next;
        if (listener != null) {
            listener.onBenchmark(next);
        }
    }
}
