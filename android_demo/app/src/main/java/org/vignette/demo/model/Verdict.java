package org.vignette.demo.model;

import android.content.res.Resources;
import java.io.IOException;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;

/** The export gate's verdict on the built-in model: {@code verdict.json} next to the contract. Immutable. */
public final class Verdict {
    static final String FILE = "verdict.json";

    /** A plural; 0 if the gate was never run. */
    private final int text;
    private final int pictures;
    private final boolean secondLook;

    private Verdict(int text, int pictures, boolean secondLook) {
        this.text = text;
        this.pictures = pictures;
        this.secondLook = secondLook;
    }

    /**
     * Reads the verdict, which an app built by other means does not have.
     *
     * @throws BundleException it is unreadable, or contains a verdict unknown to this app.
     */
    public static Verdict read(Files files) throws BundleException {
        try {
            if (!files.has(FILE)) {
                return new Verdict(0, 0, false);
            }
            JSONObject document = new JSONObject(ModelFile.text(files, FILE));
            return new Verdict(text(document.getString("verdict")), document.getInt("n"),
                    document.getBoolean("second_look"));
        } catch (IOException e) {
            throw new BundleException(R.string.file_unreadable, FILE, e.getMessage());
        } catch (JSONException e) {
            throw new BundleException(R.string.contract_unreadable, FILE, e.getMessage());
        }
    }

    public String message(Resources resources) {
        if (text == 0) {
            return resources.getString(R.string.gate_not_asked);
        }
        String words = resources.getQuantityString(text, pictures, pictures);
        return secondLook ? words + " " + resources.getString(R.string.gate_second_look) : words;
    }

    private static int text(String verdict) throws BundleException {
        switch (verdict) {
            case "passed":
                return R.plurals.gate_passed;
            case "not shown":
                return R.plurals.gate_not_shown;
            case "failed":
                return R.plurals.gate_failed;
            default:
                throw new BundleException(R.string.contract_value_wrong, FILE, "verdict",
                        "passed, not shown, failed", verdict);
        }
    }
}
