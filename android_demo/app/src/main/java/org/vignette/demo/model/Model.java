package org.vignette.demo.model;

import android.content.Context;
import android.graphics.Bitmap;
import android.media.Image;
import android.media.ImageReader;
import android.net.Uri;
import android.os.Handler;
import android.os.Looper;
import android.os.SystemClock;
import java.io.IOException;
import java.util.List;
import org.vignette.demo.core.App;
import org.vignette.demo.image.Picture;
import org.vignette.demo.model.Frame.Shot;

/**
 * The only owner of the model: opens, feeds and closes it, all on the model thread. Methods are called on the main
 * thread and return immediately; the listener is called there too, but never after {@link #close}.
 */
public final class Model implements ImageReader.OnImageAvailableListener {
    /** The app as the model sees it: where the bundle is, and whether anyone has its model open. */
    public interface Host extends App {
        /** The bundle built into the app. */
        Files files();

        /** Whether the camera screen has a model open. Model thread. */
        boolean modelInUse();

        /** Model thread. */
        void setModelInUse(boolean inUse);
    }

    /** Called on the main thread. */
    public interface Listener {
        /**
         * @param flavours all that the app has.
         * @param tested whether this exact model has already passed its self-test.
         */
        void onModelOpened(Contract contract, List<String> flavours, boolean tested);

        /** The app was built without a model. */
        void onModelAbsent();

        void onModelError(BundleException error);

        void onAnswer(Answer answer);

        /** @param seen the frame as the model saw it. */
        void onPicture(Answer answer, Bitmap seen);

        void onPictureError();

        /** @param shot the last camera frame classified. */
        void onShot(Shot shot);

        void onSelfTest(SelfTest.Report report);
    }

    private static final int MOST_ANSWERS = 3;
    /** Nobody reads faster, and a phone that computes without a pause gets hot. */
    private static final long PAUSE_MS = 100;
    private static final Classifier.Kernels LIVE = Classifier.Kernels.XNNPACK;
    private static final String PREFERENCES = "self_test";

    private final Host app;
    private final String flavour;
    private final Listener listener;
    private final Handler thread;
    private final Handler main = new Handler(Looper.getMainLooper());
    private boolean closed;
    private volatile int rotation;
    private volatile boolean fullSpeed;
    /** Negative for the contract's own. */
    private volatile double threshold = -1;

    // The rest belongs to the model thread.
    private ModelFile file;
    private List<String> flavours;
    private Classifier classifier;
    private Frame frame;
    /** The model's output for the last frame, if that came from the camera; otherwise null. */
    private byte[] output;
    private double modelMs;
    /** When the last camera frame was taken on, in milliseconds since the phone started. */
    private long lastFrame = -PAUSE_MS;

    /**
     * Starts opening the model.
     *
     * @param flavour null for the usual one.
     */
    public Model(Host app, String flavour, Listener listener) {
        this.app = app;
        this.flavour = flavour;
        this.listener = listener;
        thread = app.modelThread();
        thread.post(this::open);
    }

    /** @param degrees clockwise to turn the camera's pictures upright: 0, 90, 180 or 270. */
    public void setRotation(int degrees) {
        rotation = degrees;
    }

    /** Answers as often as it can, instead of ten times a second. */
    public void setFullSpeed(boolean fullSpeed) {
        this.fullSpeed = fullSpeed;
    }

    /** @param threshold below it the screen shows no answer, 0 to 1; photos keep the contract's. */
    public void setThreshold(double threshold) {
        this.threshold = threshold;
    }

    /** Whether this model has passed its self-test on this phone. */
    public static boolean passed(Context context, Contract contract) {
        return context.getSharedPreferences(PREFERENCES, Context.MODE_PRIVATE).getBoolean(key(contract), false);
    }

    /** Replays the golden vectors. */
    public void selfTest() {
        thread.post(this::replay);
    }

    /** Classifies a picture file. */
    public void classify(Uri uri) {
        thread.post(() -> read(uri));
    }

    /** Delivers the last camera frame classified, if there is one. */
    public void shoot() {
        long now = System.currentTimeMillis();
        thread.post(() -> {
            if (classifier != null && output != null) {
                Shot shot = new Shot(file.contract, frame, LIVE, output, modelMs, now);
                tell(() -> listener.onShot(shot));
            }
        });
    }

    /** Closes the model once the current work is done. */
    public void close() {
        closed = true;
        thread.post(() -> {
            if (classifier != null) {
                classifier.close();
                classifier = null;
                app.setModelInUse(false);
            }
        });
    }

    /** Takes the newest camera picture; the reader drops those that arrived while the model was busy. */
    @Override
    public void onImageAvailable(ImageReader reader) {
        try (Image image = reader.acquireLatestImage()) {
            long now = SystemClock.elapsedRealtime();
            if (image == null || classifier == null || !fullSpeed && now - lastFrame < PAUSE_MS) {
                return;
            }
            lastFrame = now;
            frame.fill(image, rotation);
        } catch (IllegalStateException e) {
            // The camera was closed while this frame was on its way.
            return;
        }
        Answer answer = answer();
        tell(() -> listener.onAnswer(answer));
    }

    private void open() {
        try {
            file = ModelFile.openFlavour(app.files(), flavour);
            if (file == null) {
                tell(listener::onModelAbsent);
                return;
            }
            flavours = ModelFile.flavours(app.files());
            classifier = new Classifier(file, LIVE);
            app.setModelInUse(true);
        } catch (BundleException e) {
            tell(() -> listener.onModelError(e));
            return;
        }
        Contract contract = file.contract;
        frame = new Frame(contract);
        boolean tested = passed(app.context(), contract);
        tell(() -> listener.onModelOpened(contract, flavours, tested));
    }

    private void replay() {
        if (classifier == null) {
            return;
        }
        output = null;
        try {
            SelfTest.Report report = new SelfTest(file.contract, frame).run(file, classifier);
            app.context().getSharedPreferences(PREFERENCES, Context.MODE_PRIVATE).edit()
                    .putBoolean(key(file.contract), report.right()).apply();
            tell(() -> listener.onSelfTest(report));
        } catch (BundleException e) {
            tell(() -> listener.onModelError(e));
        }
    }

    private void read(Uri uri) {
        if (classifier == null) {
            return;
        }
        try (Picture picture = new Picture(app.context().getContentResolver(), uri)) {
            frame.fill(picture);
        } catch (IOException e) {
            tell(listener::onPictureError);
            return;
        }
        Answer answer = answer();
        output = null;
        Bitmap seen = frame.bitmap();
        tell(() -> listener.onPicture(answer, seen));
    }

    private Answer answer() {
        long start = System.nanoTime();
        output = classifier.run(frame.pixels);
        modelMs = (System.nanoTime() - start) / 1e6;
        double least = threshold < 0 ? file.contract.threshold : threshold;
        return new Answer(file.contract, least, Classifier.probabilities(file.contract, output), MOST_ANSWERS,
                frame.grabMs(), frame.letterboxMs(), modelMs, flavours.size() > 1 ? file.contract.flavour : null);
    }

    /** What passed a self-test: another model is tested again, and so is one with a contract of another version. */
    private static String key(Contract contract) {
        return contract.modelSha256 + " " + contract.version;
    }

    private void tell(Runnable news) {
        main.post(() -> {
            if (!closed) {
                news.run();
            }
        });
    }
}
