package org.vignette.demo;

import android.graphics.Bitmap;
import org.vignette.demo.camera.Preview;
import org.vignette.demo.core.LocalizedException;
import org.vignette.demo.model.Answer;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.SelfTest;
import org.vignette.demo.photos.Photo;

/** Everything the screen shows. Immutable; a new one for every change. */
final class UiState {
    /** What the button under a message does. */
    enum Act {
        NONE(0),
        ASK(R.string.act_ask),
        SETTINGS(R.string.act_settings),
        /** Goes back to the usual flavour. */
        USUAL(R.string.act_usual),
        RETRY(R.string.act_retry),
        CAMERA(R.string.act_camera);

        /** A string resource; 0 for no button. */
        final int label;

        Act(int label) {
            this.label = label;
        }
    }

    /** Which screen it is. */
    enum Kind {
        LOADING(R.string.loading_title, 0, Act.NONE),
        NO_MODEL(R.string.no_model_title, R.string.no_model_text, Act.NONE),
        MODEL_ERROR(R.string.model_error_title, 0, Act.NONE),
        /** It is of the flavour that the user chose. */
        FLAVOUR_ERROR(R.string.model_error_title, 0, Act.USUAL),
        PERMISSION_WANTED(R.string.permission_title, R.string.permission_wanted, Act.ASK),
        PERMISSION_REFUSED(R.string.permission_title, R.string.permission_refused, Act.ASK),
        PERMISSION_BLOCKED(R.string.permission_title, R.string.permission_blocked, Act.SETTINGS),
        NO_CAMERA(R.string.no_camera_title, R.string.no_camera_text, Act.NONE),
        CAMERA_TAKEN(R.string.camera_taken_title, R.string.camera_taken_text, Act.RETRY),
        CAMERA_DISABLED(R.string.camera_disabled_title, R.string.camera_disabled_text, Act.RETRY),
        CAMERA_ERROR(R.string.camera_error_title, R.string.camera_error_text, Act.RETRY),
        TESTING(R.string.testing_title, R.string.testing_text, Act.NONE),
        TESTED(R.string.tested_right_title, 0, Act.CAMERA),
        PICTURE_ERROR(R.string.picture_error_title, R.string.picture_error_text, Act.CAMERA),
        PICTURE(0, 0, Act.CAMERA),
        /** A photo was kept, and the user is asked what it shows. */
        TAKEN(0, 0, Act.CAMERA),
        NOT_KEPT(R.string.not_kept_title, 0, Act.CAMERA),
        LIVE(0, 0, Act.NONE);

        /** String resources; 0 if there is none or the text is composed. */
        final int title;
        final int text;
        final Act act;

        Kind(int title, int text, Act act) {
            this.title = title;
            this.text = text;
            this.act = act;
        }
    }

    final Kind kind;
    /** With PICTURE, and with LIVE after the first frame; otherwise null. */
    final Answer answer;
    /** With PICTURE: the model's input. With TAKEN: the photo's pixels. */
    final Bitmap image;
    /** With TAKEN. */
    final Photo photo;
    /** With MODEL_ERROR, FLAVOUR_ERROR and NOT_KEPT. */
    final LocalizedException error;
    /** With TESTED. */
    final SelfTest.Report report;
    /** The self-test failed, so answers may be wrong. */
    final boolean doubtful;

    private UiState(Kind kind, Answer answer, Bitmap image, Photo photo, LocalizedException error,
            SelfTest.Report report, boolean doubtful) {
        this.kind = kind;
        this.answer = answer;
        this.image = image;
        this.photo = photo;
        this.error = error;
        this.report = report;
        this.doubtful = doubtful;
    }

    /** A fixed message. */
    static UiState of(Kind kind) {
        return new UiState(kind, null, null, null, null, null, false);
    }

    static UiState live(Answer answer, boolean doubtful) {
        return new UiState(Kind.LIVE, answer, null, null, null, null, doubtful);
    }

    static UiState picture(Answer answer, Bitmap image, boolean doubtful) {
        return new UiState(Kind.PICTURE, answer, image, null, null, null, doubtful);
    }

    static UiState taken(Photo photo, Bitmap image) {
        return new UiState(Kind.TAKEN, null, image, photo, null, null, false);
    }

    static UiState notKept(LocalizedException error) {
        return new UiState(Kind.NOT_KEPT, null, null, null, error, null, false);
    }

    static UiState cameraFailed(Preview.Failure failure) {
        switch (failure) {
            case NO_CAMERA:
                return of(Kind.NO_CAMERA);
            case NOT_ALLOWED:
                return of(Kind.PERMISSION_WANTED);
            case IN_USE:
                return of(Kind.CAMERA_TAKEN);
            case DISABLED:
                return of(Kind.CAMERA_DISABLED);
            default:
                return of(Kind.CAMERA_ERROR);
        }
    }

    /** @param flavour the one that the user chose; null for none. */
    static UiState modelError(BundleException error, String flavour) {
        return new UiState(flavour == null ? Kind.MODEL_ERROR : Kind.FLAVOUR_ERROR, null, null, null, error, null, false);
    }

    static UiState tested(SelfTest.Report report) {
        return new UiState(Kind.TESTED, null, null, null, null, report, !report.right());
    }

    /** Whether it stays until the user leaves it. */
    boolean stays() {
        return kind == Kind.TESTED || kind == Kind.PICTURE || kind == Kind.PICTURE_ERROR || kind == Kind.TAKEN
                || kind == Kind.NOT_KEPT;
    }
}
