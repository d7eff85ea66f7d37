package org.vignette.demo.benchmark;

import android.content.res.Resources;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Distribution;
import org.vignette.demo.core.Phone;
import org.vignette.demo.image.DrawnPicture;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;

/**
 * Measures models one after another, with every kind of kernels and number of threads: everything a frame goes through,
 * from a synthetic camera picture to the answer. Blocks its thread until done. The caller supplies the conditions.
 */
final class Benchmark {
    static final int VERSION = 1;

    /** Told about every step, and says when to stop; on the measuring thread. */
    interface Watcher {
        void onStep(BenchmarkStep step);

        /** Null to continue; otherwise why to stop. */
        BenchmarkException stopped();
    }

    private final BenchmarkRequest request;
    private final List<Candidate> candidates;
    private final Conditions.Source conditions;
    private final Resources english;
    private final Watcher watcher;
    private final DrawnPicture picture = new DrawnPicture();
    private final Throttling throttling = new Throttling();
    private final int steps;
    private int done;

    /** @param english for messages in the result. */
    Benchmark(BenchmarkRequest request, List<Candidate> candidates, Conditions.Source conditions, Resources english,
            Watcher watcher) {
        this.request = request;
        this.candidates = candidates;
        this.conditions = conditions;
        this.english = english;
        this.watcher = watcher;
        int each = request.kernels.size() * request.numThreads.size() + (request.sustainedSeconds > 0 ? 1 : 0);
        steps = each * candidates.size();
    }

    /**
     * Runs the benchmark.
     *
     * @param into receives everything from {@code started_at} to {@code models}.
     * @throws BenchmarkException it was stopped.
     */
    void run(JSONObject into) throws BenchmarkException, JSONException {
        List<String> names = new ArrayList<>();
        for (Candidate candidate : candidates) {
            names.add(candidate.name);
        }
        String started = Phone.iso(System.currentTimeMillis());
        Conditions before = observe();
        JSONArray models = new JSONArray();
        for (Candidate candidate : candidates) {
            models.put(model(candidate));
        }
        Conditions after = observe();
        Boolean throttled = throttling.verdict();
        into.put("started_at", started)
                .put("ended_at", Phone.iso(System.currentTimeMillis()))
                .put("settings", request.json(names))
                .put("camera_picture", new JSONObject()
                        .put("source", "drawn")
                        .put("format", "YUV_420_888")
                        .put("width", DrawnPicture.WIDTH)
                        .put("height", DrawnPicture.HEIGHT)
                        .put("rotation", DrawnPicture.ROTATION))
                .put("before", before.json())
                .put("after", after.json())
                .put("throttled", throttled == null ? JSONObject.NULL : throttled)
                .put("throttled_why", throttling.why(english))
                .put("models", models);
    }

    private JSONObject model(Candidate candidate) throws BenchmarkException, JSONException {
        JSONObject json = new JSONObject()
                .put("name", candidate.name)
                .put("source", candidate.inside ? "app" : "folder");
        if (candidate.error != null) {
            done += steps / candidates.size();
            return json.put("error", candidate.error.message(english));
        }
        Contract contract = candidate.file.contract;
        Frame frame = new Frame(contract);
        JSONArray measurements = new JSONArray();
        Sustained sustained = new Sustained(frame, picture, conditions, throttling, watcher);
        for (Classifier.Kernels kernels : request.kernels) {
            for (int numThreads : request.numThreads) {
                step(candidate.name, kernels, numThreads, 0);
                measurements.put(measure(candidate.file, frame, kernels, numThreads, sustained));
            }
        }
        Object held = JSONObject.NULL;
        if (request.sustainedSeconds > 0) {
            if (sustained.possible()) {
                step(candidate.name, sustained.kernels(), sustained.numThreads(), request.sustainedSeconds);
                held = sustain(candidate, sustained);
            } else {
                done++;
            }
        }
        return json.put("error", JSONObject.NULL)
                .put("flavour", contract.flavour)
                .put("file", contract.modelFile)
                .put("size_bytes", contract.modelBytes)
                .put("sha256", contract.modelSha256)
                .put("frame", new JSONArray().put(contract.width).put(contract.height))
                .put("measurements", measurements)
                .put("sustained", held);
    }

    private JSONObject measure(ModelFile file, Frame frame, Classifier.Kernels kernels, int numThreads,
            Sustained sustained) throws BenchmarkException, JSONException {
        JSONObject json = new JSONObject().put("kernels", kernels.id).put("num_threads", numThreads);
        long start = System.nanoTime();
        try (Classifier classifier = new Classifier(file, kernels, numThreads)) {
            double loadMs = (System.nanoTime() - start) / 1e6;
            frame.fill(picture);
            double firstMs = modelMs(classifier, frame);
            for (int i = 0; i < request.warmUpRuns; i++) {
                goOn();
                frame.fill(picture);
                modelMs(classifier, frame);
            }
            double[] grab = new double[request.runs];
            double[] letterbox = new double[request.runs];
            double[] model = new double[request.runs];
            double[] total = new double[request.runs];
            for (int i = 0; i < request.runs; i++) {
                goOn();
                frame.fill(picture);
                model[i] = modelMs(classifier, frame);
                grab[i] = frame.grabMs();
                letterbox[i] = frame.letterboxMs();
                total[i] = grab[i] + letterbox[i] + model[i];
            }
            Conditions now = observe();
            sustained.consider(kernels, numThreads, new Distribution(model).percentile(50));
            return json.put("error", JSONObject.NULL)
                    .put("warm_up_runs", request.warmUpRuns)
                    .put("runs", request.runs)
                    .put("load_ms", Distribution.rounded(loadMs))
                    .put("first_run_ms", Distribution.rounded(firstMs))
                    .put("grab_ms", new Distribution(grab).json())
                    .put("letterbox_ms", new Distribution(letterbox).json())
                    .put("model_ms", new Distribution(model).json())
                    .put("total_ms", new Distribution(total).json())
                    .put("memory", now.memory())
                    .put("thermal_status", now.thermalStatus());
        } catch (BundleException e) {
            return json.put("error", e.message(english));
        } catch (IllegalArgumentException | IllegalStateException e) {
            return json.put("error", english.getString(R.string.run_failed, e.getMessage()));
        }
    }

    private JSONObject sustain(Candidate candidate, Sustained sustained) throws BenchmarkException, JSONException {
        try {
            return sustained.run(candidate.file, request.sustainedSeconds);
        } catch (BundleException e) {
            // It ran a moment ago, so none of the measurements can be trusted.
            throw new BenchmarkException(R.string.sustained_refused, candidate.name, e.message(english));
        } catch (IllegalArgumentException | IllegalStateException e) {
            throw new BenchmarkException(R.string.sustained_refused, candidate.name, e.getMessage());
        }
    }

    /** Times one run of the model alone, in milliseconds. */
    static double modelMs(Classifier classifier, Frame frame) {
        long start = System.nanoTime();
        classifier.run(frame.pixels);
        return (System.nanoTime() - start) / 1e6;
    }

    private Conditions observe() {
        Conditions now = conditions.now(true);
        throttling.sawStatus(now.thermal);
        return now;
    }

    private void step(String model, Classifier.Kernels kernels, int numThreads, int seconds)
            throws BenchmarkException {
        goOn();
        watcher.onStep(new BenchmarkStep(done++, steps, model, kernels, numThreads, seconds));
    }

    private void goOn() throws BenchmarkException {
        BenchmarkException stopped = watcher.stopped();
        if (stopped != null) {
            throw stopped;
        }
    }
}
