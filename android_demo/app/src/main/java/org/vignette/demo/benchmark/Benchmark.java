package org.vignette.demo.benchmark;

import android.content.res.Resources;
import java.util.Arrays;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Distribution;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.core.Phone;
import org.vignette.demo.image.DrawnPicture;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;

/**
 * Measures the models in the app one after another, with every kind of kernels and number of threads: everything a frame
 * goes through, from a synthetic camera picture to the answer. Blocks its thread until done. The caller supplies the
 * conditions.
 */
final class Benchmark {
    static final int VERSION = 2;

    /** The median's 95% interval, relative to the median, at which a combination is measured well enough. */
    private static final double PRECISION = 0.03;
    private static final int WARM_UP_RUNS = 10;
    /** Fewer could agree by chance. */
    private static final int LEAST_RUNS = 50;

    /** What is measured next, and how far the benchmark has got. Immutable. */
    static final class Step {
        /** Steps completed, and how many there are. */
        final int done;
        final int of;
        private final String model;
        private final Classifier.Kernels kernels;
        private final int numThreads;
        /** Length of the sustained run; 0 for a plain step. */
        private final int seconds;

        Step(int done, int of, String model, Classifier.Kernels kernels, int numThreads, int seconds) {
            this.done = done;
            this.of = of;
            this.model = model;
            this.kernels = kernels;
            this.numThreads = numThreads;
            this.seconds = seconds;
        }

        String message(Resources resources) {
            String how = BenchmarkTable.way(resources, kernels, numThreads);
            return seconds > 0 ? resources.getString(R.string.step_sustained, model, how, seconds)
                    : resources.getString(R.string.step, model, how);
        }
    }

    /** Told about every step, and says when to stop; on the measuring thread. */
    interface Watcher {
        void onStep(Step step);

        /** @throws LocalizedException why to stop. */
        void goOn() throws LocalizedException;
    }

    private final BenchmarkRequest request;
    private final List<Candidate> candidates;
    private final Conditions.Source conditions;
    private final Resources english;
    private final Watcher watcher;
    private final DrawnPicture picture = new DrawnPicture();
    private final Conditions.Throttling throttling = new Conditions.Throttling();
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
     * @throws LocalizedException it was stopped.
     */
    void run(JSONObject into) throws LocalizedException, JSONException {
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
                .put("settings", request.json())
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

    private JSONObject model(Candidate candidate) throws LocalizedException, JSONException {
        JSONObject json = new JSONObject().put("contract", candidate.contract);
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
                step(contract.flavour, kernels, numThreads, 0);
                measurements.put(measure(candidate.file, frame, kernels, numThreads, sustained));
            }
        }
        Object held = JSONObject.NULL;
        if (request.sustainedSeconds > 0) {
            if (sustained.possible()) {
                step(contract.flavour, sustained.kernels(), sustained.numThreads(), request.sustainedSeconds);
                held = sustained.run(candidate.file, request.sustainedSeconds, english);
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
            Sustained sustained) throws LocalizedException, JSONException {
        JSONObject json = new JSONObject().put("kernels", kernels.id).put("num_threads", numThreads);
        long start = System.nanoTime();
        try (Classifier classifier = new Classifier(file, kernels, numThreads)) {
            double loadMs = (System.nanoTime() - start) / 1e6;
            frame.fill(picture);
            double firstMs = modelMs(classifier, frame);
            for (int i = 0; i < WARM_UP_RUNS; i++) {
                watcher.goOn();
                frame.fill(picture);
                modelMs(classifier, frame);
            }
            // Grab, letterbox and model.
            double[][] ms = new double[3][LEAST_RUNS];
            int runs = 0;
            boolean precise = false;
            long end = System.nanoTime() + 1_000_000_000L * request.maxSeconds;
            while (runs == 0 || !precise && System.nanoTime() < end) {
                watcher.goOn();
                frame.fill(picture);
                if (runs == ms[0].length) {
                    for (int i = 0; i < ms.length; i++) {
                        ms[i] = Arrays.copyOf(ms[i], runs + runs / 10);
                    }
                }
                ms[2][runs] = modelMs(classifier, frame);
                ms[0][runs] = frame.grabMs();
                ms[1][runs] = frame.letterboxMs();
                runs++;
                // Looking after every run would cost more than the runs themselves.
                precise = runs == ms[2].length && new Distribution(ms[2]).precision() <= PRECISION;
            }
            double[] total = new double[runs];
            for (int i = 0; i < runs; i++) {
                total[i] = ms[0][i] + ms[1][i] + ms[2][i];
            }
            Distribution model = new Distribution(Arrays.copyOf(ms[2], runs));
            Conditions now = observe();
            sustained.consider(kernels, numThreads, model.percentile(50));
            return json.put("error", JSONObject.NULL)
                    .put("warm_up_runs", WARM_UP_RUNS)
                    .put("runs", runs)
                    .put("load_ms", Distribution.rounded(loadMs))
                    .put("first_run_ms", Distribution.rounded(firstMs))
                    .put("grab_ms", new Distribution(Arrays.copyOf(ms[0], runs)).json())
                    .put("letterbox_ms", new Distribution(Arrays.copyOf(ms[1], runs)).json())
                    .put("model_ms", model.json())
                    .put("total_ms", new Distribution(total).json())
                    .put("memory", now.memory())
                    .put("thermal_status", now.thermalStatus());
        } catch (BundleException e) {
            return json.put("error", e.message(english));
        } catch (IllegalArgumentException | IllegalStateException e) {
            return json.put("error", english.getString(R.string.run_failed, e.getMessage()));
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

    private void step(String model, Classifier.Kernels kernels, int numThreads, int seconds) throws LocalizedException {
        watcher.goOn();
        watcher.onStep(new Step(done++, steps, model, kernels, numThreads, seconds));
    }
}
