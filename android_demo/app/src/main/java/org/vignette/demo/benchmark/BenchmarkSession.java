package org.vignette.demo.benchmark;

import android.content.res.Resources;
import android.os.Handler;
import android.os.Looper;
import android.os.Process;
import android.util.Log;
import java.io.File;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.model.Model;

/**
 * The only benchmark that can run, and its file, which says how far it is and later what came out. It lives as long as
 * the process, so that rotating the phone does not end it, and measures on the model thread, so that nothing else uses a
 * model meanwhile. Methods are called on the main thread and return immediately; the listener is called there too.
 */
public final class BenchmarkSession implements Benchmark.Watcher {
    /** Told about every change. */
    interface Listener {
        void onBenchmark(State state);
    }

    /** Holds the only session; the application implements it. */
    public interface Owner {
        BenchmarkSession benchmark();
    }

    /** Everything the benchmark screen shows. Immutable; a new one for every change. */
    static final class State {
        /** Which screen it is. */
        enum Kind {
            /** The models are still being looked up. */
            LOOKING,
            /** The models that can be measured, and a button to start. */
            READY,
            RUNNING,
            FINISHED,
            FAILED
        }

        final Kind kind;
        /** With READY; otherwise null. */
        final List<Candidate> models;
        /** With RUNNING; null before the first step. */
        final Benchmark.Step step;
        /** With FINISHED: the document in the session's file. */
        final JSONObject result;
        /** With FAILED. */
        final LocalizedException error;

        State(Kind kind, List<Candidate> models, Benchmark.Step step, JSONObject result, LocalizedException error) {
            this.kind = kind;
            this.models = models;
            this.step = step;
            this.result = result;
            this.error = error;
        }
    }

    private static final State LOOKING = new State(State.Kind.LOOKING, null, null, null, null);
    private static final String TAG = "Vignette";
    /** Begins the names of sessions that a computer starts. */
    static final String BY_ADB = "adb-";
    /** Between two checks whether the camera screen has closed its model, in milliseconds. */
    private static final int WAIT = 50;

    private final Model.Host app;
    private final Handler main = new Handler(Looper.getMainLooper());
    private final Resources english;
    private Listener listener;
    private State state = LOOKING;
    /** The session that is running or waiting; null for none. */
    private volatile String running;
    private volatile LocalizedException stopped;

    public BenchmarkSession(Model.Host app) {
        this.app = app;
        english = Phone.english(app.context());
    }

    State state() {
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
        show(LOOKING);
        app.modelThread().post(() -> {
            State ready = new State(State.Kind.READY, Candidate.all(app.files()), null, null, null);
            main.post(() -> {
                // A benchmark that was started in the meantime must keep its button for stopping.
                if (running == null) {
                    show(ready);
                }
            });
        });
    }

    /** Starts measuring every model in the app. */
    void start(BenchmarkRequest request) {
        if (running != null) {
            refuse(request.session, new LocalizedException(R.string.benchmark_busy, running));
            return;
        }
        running = request.session;
        stopped = null;
        show(new State(State.Kind.RUNNING, null, null, null, null));
        app.modelThread().post(() -> whenFree(() -> run(request)));
    }

    /** Stops the running session, with a reason. */
    void stop(int text) {
        if (running != null && stopped == null) {
            stopped = new LocalizedException(text);
        }
    }

    /**
     * Says why a session cannot start.
     *
     * @param session null if there is none, and so no file to write it into.
     */
    void refuse(String session, LocalizedException error) {
        Log.e(TAG, error.message(english));
        if (running == null) {
            show(new State(State.Kind.FAILED, null, null, null, error));
        }
        if (session != null && !session.equals(running)) {
            // The model thread may be measuring.
            app.storageThread().post(() -> fail(session, error));
        }
    }

    @Override
    public void onStep(Benchmark.Step step) {
        try {
            write(running, head(running, "running").put("pid", Process.myPid())
                    .put("done", step.done).put("of", step.of).put("now", step.message(english)));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (LocalizedException e) {
            // Writing the result will fail as well, and is reported.
            Log.w(TAG, e.message(english));
        }
        main.post(() -> show(new State(State.Kind.RUNNING, null, step, null, null)));
    }

    @Override
    public void goOn() throws LocalizedException {
        LocalizedException why = stopped;
        if (why != null) {
            throw why;
        }
    }

    /** The camera screen closes its model only after this one is shown. */
    private void whenFree(Runnable work) {
        if (app.modelInUse() && stopped == null) {
            app.modelThread().postDelayed(() -> whenFree(work), WAIT);
        } else {
            work.run();
        }
    }

    private void run(BenchmarkRequest request) {
        try {
            for (File earlier : Disk.inside(file(request.session).getParentFile())) {
                if (earlier.getName().startsWith(BY_ADB)) {
                    // Its computer was disconnected and cannot fetch it any more.
                    app.disk().delete(earlier);
                }
            }
            List<Candidate> all = Candidate.all(app.files());
            if (all.isEmpty()) {
                throw new LocalizedException(R.string.benchmark_empty);
            }
            JSONObject document = header(request.session, "finished");
            new Benchmark(request, all, memory -> Conditions.read(app.context(), memory), english, this).run(document);
            write(request.session, document);
            Log.i(TAG, "measured " + request.session);
            end(new State(State.Kind.FINISHED, null, null, document, null));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (LocalizedException e) {
            Log.e(TAG, e.message(english));
            fail(request.session, e);
            end(new State(State.Kind.FAILED, null, null, null, e));
        }
    }

    private void fail(String session, LocalizedException error) {
        boolean cancelled = error.text == R.string.benchmark_cancelled || error.text == R.string.benchmark_left;
        try {
            // Otherwise a full storage would leave a file that says it is running.
            app.disk().delete(file(session));
            write(session, header(session, "failed").put("error", error.message(english)).put("cancelled", cancelled));
        } catch (JSONException e) {
            throw new AssertionError(e);
        } catch (LocalizedException e) {
            Log.e(TAG, e.message(english));
        }
    }

    private JSONObject head(String session, String state) throws JSONException {
        return new JSONObject().put("benchmark_version", Benchmark.VERSION).put("session", session).put("state", state);
    }

    private JSONObject header(String session, String state) throws JSONException {
        JSONObject document = head(session, state);
        Phone.describe(app.context(), document);
        return document;
    }

    private void write(String session, JSONObject document) throws LocalizedException, JSONException {
        app.disk().write(file(session), document.toString(1) + "\n");
    }

    private File file(String session) throws LocalizedException {
        return new File(app.external(), "benchmark/" + session + ".json");
    }

    private void end(State last) {
        main.post(() -> {
            running = null;
            show(last);
        });
    }

    private void show(State next) {
        state = next;
        if (listener != null) {
            listener.onBenchmark(next);
        }
    }
}
