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
import org.vignette.demo.core.Phone;
import org.vignette.demo.core.StorageException;
import org.vignette.demo.core.WordsException;
import org.vignette.demo.model.ModelHost;

/**
 * The one benchmark that can run, and its files. It lives as long as the process, so that turning the phone does not
 * end it, and measures on the model thread, so that nothing else uses a model meanwhile. Methods are called on the main
 * thread and return at once; the listener is told there too.
 */
public final class BenchmarkSession implements Benchmark.Watcher {
    /** Hears of every change. */
    interface Listener {
        void onBenchmark(BenchmarkState state);
    }

    /** Keeps the one session; the application does. */
    public interface Owner {
        BenchmarkSession benchmark();
    }

    private static final String TAG = "Vignette";
    /** Between two looks whether the camera's screen has closed its model, in milliseconds. */
    private static final int WAIT = 50;

    private final ModelHost app;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Resources english;
    private Listener listener;
    private BenchmarkState state = BenchmarkState.looking();
    /** What runs or waits; null for nothing. */
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
            } catch (WordsException e) {
                tell(BenchmarkState.failed(e));
            }
        });
    }

    /**
     * Measures.
     *
     * @param inside whether the model that was built in takes part; the request's come from the folder alone.
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

    /** Ends what runs, with the reason why. */
    void stop(int text) {
        if (running != null && stopped == null) {
            stopped = new BenchmarkException(text);
        }
    }

    /** As above, where it is this session that runs. */
    void stop(String session, int text) {
        if (session.equals(running)) {
            stop(text);
        }
    }

    /** Writes which models can be read. */
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
                Log.e(TAG, e.words(english));
                tell(BenchmarkState.failed(e));
            }
        });
    }

    /** Leaves a failure for a session that does not even begin. */
    void refuse(String session, BenchmarkException wrong) {
        refuse(wrong);
        if (!session.equals(running)) {
            // The model thread may be measuring.
            app.storageThread().post(() -> fail(session, wrong));
        }
    }

    /** Says why an intent cannot be answered with a file. */
    void refuse(BenchmarkException wrong) {
        Log.e(TAG, wrong.words(english));
        if (running == null) {
            show(BenchmarkState.failed(wrong));
        }
    }

    @Override
    public void onStep(BenchmarkStep step) {
        try {
            results.progress(running, step, step.words(english));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (StorageException e) {
            // The result will not find room either, and says so.
            Log.w(TAG, e.words(english));
        }
        tell(BenchmarkState.running(step));
    }

    @Override
    public BenchmarkException stopped() {
        return stopped;
    }

    /** The camera's screen closes its model only after this one is shown. */
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
        } catch (WordsException e) {
            Log.e(TAG, e.words(english));
            fail(request.session, e);
            end(BenchmarkState.failed(e));
        }
    }

    private void fail(String session, WordsException wrong) {
        boolean cancelled = wrong instanceof BenchmarkException && ((BenchmarkException) wrong).cancelled;
        try {
            results().end(session,
                    header(session).put("error", wrong.words(english)).put("cancelled", cancelled));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (StorageException e) {
            Log.e(TAG, e.words(english));
        }
    }

    private JSONObject header(String session) throws JSONException {
        JSONObject document = new JSONObject().put("benchmark_version", Benchmark.VERSION).put("session", session);
        Phone.describe(app.context(), document);
        return document;
    }

    private List<Candidate> candidates(List<String> names, boolean inside) throws WordsException {
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
