package org.vignette.demo.benchmark;

import android.content.res.Resources;
import java.util.Arrays;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Distribution;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.image.DrawnPicture;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.ModelFile;

/**
 * The sustained run: frame after frame without a pause, on the fastest combination measured, in windows of equal length
 * that reveal whether the phone slows down. One per model.
 */
final class Sustained {
    /** The maximum number of windows. */
    private static final int WINDOWS = 60;

    private final Frame frame;
    private final DrawnPicture picture;
    private final Conditions.Source conditions;
    private final Conditions.Throttling throttling;
    private final Benchmark.Watcher watcher;
    private Classifier.Kernels kernels;
    private int numThreads;
    private double fastestMs;

    Sustained(Frame frame, DrawnPicture picture, Conditions.Source conditions, Conditions.Throttling throttling,
            Benchmark.Watcher watcher) {
        this.frame = frame;
        this.picture = picture;
        this.conditions = conditions;
        this.throttling = throttling;
        this.watcher = watcher;
    }

    /** @param ms the model's time on this combination. */
    void consider(Classifier.Kernels candidate, int threads, double ms) {
        if (kernels == null || ms < fastestMs) {
            kernels = candidate;
            numThreads = threads;
            fastestMs = ms;
        }
    }

    /** Whether at least one combination could be measured. */
    boolean possible() {
        return kernels != null;
    }

    Classifier.Kernels kernels() {
        return kernels;
    }

    int numThreads() {
        return numThreads;
    }

    /**
     * Runs on the fastest combination.
     *
     * @param english for the message.
     * @throws LocalizedException it was stopped, or the model, which ran a moment ago, does not run any more: then none
     *     of the measurements can be trusted.
     */
    JSONObject run(ModelFile file, int seconds, Resources english) throws LocalizedException, JSONException {
        try {
            return run(file, seconds);
        } catch (BundleException e) {
            throw new LocalizedException(R.string.sustained_refused, file.contract.flavour, e.message(english));
        } catch (IllegalArgumentException | IllegalStateException e) {
            throw new LocalizedException(R.string.sustained_refused, file.contract.flavour, e.getMessage());
        }
    }

    private JSONObject run(ModelFile file, int seconds) throws LocalizedException, JSONException {
        long window = 1_000_000_000L * ((seconds + WINDOWS - 1) / WINDOWS);
        JSONArray windows = new JSONArray();
        int frames = 0;
        double first = 0;
        double last = 0;
        try (Classifier classifier = new Classifier(file, kernels, numThreads)) {
            frame.fill(picture);
            classifier.run(frame.pixels);
            long start = System.nanoTime();
            long now = start;
            while (now - start < 1_000_000_000L * seconds) {
                long from = now;
                double[] totals = new double[16];
                int count = 0;
                while (count == 0 || now - from < window) {
                    watcher.goOn();
                    frame.fill(picture);
                    double modelMs = Benchmark.modelMs(classifier, frame);
                    if (count == totals.length) {
                        totals = Arrays.copyOf(totals, 2 * count);
                    }
                    totals[count++] = frame.grabMs() + frame.letterboxMs() + modelMs;
                    now = System.nanoTime();
                }
                Distribution taken = new Distribution(Arrays.copyOf(totals, count));
                Conditions phone = conditions.now(false);
                throttling.sawStatus(phone.thermal);
                last = taken.percentile(50);
                first = windows.length() == 0 ? last : first;
                frames += count;
                windows.put(new JSONObject()
                        .put("from_s", Math.rint((from - start) / 1e6) / 1e3)
                        .put("frames", count)
                        .put("p50_ms", Distribution.rounded(last))
                        .put("max_ms", Distribution.rounded(taken.max()))
                        .put("battery_celsius", phone.celsius())
                        .put("thermal_status", phone.thermalStatus()));
                now = System.nanoTime();
            }
            if (windows.length() > 1) {
                throttling.sawSlowdown(last / first);
            }
            return new JSONObject()
                    .put("kernels", kernels.id)
                    .put("num_threads", numThreads)
                    .put("seconds", Math.rint((now - start) / 1e6) / 1e3)
                    .put("frames", frames)
                    .put("windows", windows)
                    .put("first_ms", Distribution.rounded(first))
                    .put("last_ms", Distribution.rounded(last))
                    .put("slowdown", Math.rint(last / first * 1e4) / 1e4);
        }
    }
}
