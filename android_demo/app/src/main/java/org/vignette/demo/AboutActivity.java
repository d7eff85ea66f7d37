package org.vignette.demo;

import android.app.Activity;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.widget.TextView;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.Views;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.Model;
import org.vignette.demo.model.ModelFile;

/** Shows the built-in model, the gate's verdict on it, and the licences of everything in the app. */
public final class AboutActivity extends Activity {
    /** The extra that names the flavour in use; without it the usual one is shown. */
    static final String FLAVOUR = "flavour";
    private static final int SHA256_SHOWN = 12;

    @Override
    protected void onCreate(Bundle saved) {
        super.onCreate(saved);
        setContentView(R.layout.about);
        Views.edgeToEdge(this, findViewById(R.id.about));
        TextView text = findViewById(R.id.about);
        DemoApp app = (DemoApp) getApplication();
        Handler main = new Handler(Looper.getMainLooper());
        app.modelThread().post(() -> {
            String words = model(app.files()) + "\n\n" + licences();
            main.post(() -> text.setText(words));
        });
    }

    private String model(Files files) {
        try {
            ModelFile file = ModelFile.openFlavour(files, getIntent().getStringExtra(FLAVOUR));
            if (file == null) {
                return getString(R.string.no_model_title);
            }
            Contract contract = file.contract;
            String sha256 = contract.modelSha256.substring(0, Math.min(SHA256_SHOWN, contract.modelSha256.length()));
            return getString(R.string.about_model, contract.flavour, contract.modelFile, sha256)
                    + "\n" + verdict(files, file.name.replace("contract", "verdict"))
                    + (Model.passed(this, contract) ? "\n" + getString(R.string.tested_tick) : "")
                    + (contract.weaker() ? "\n" + getString(R.string.contract_weaker) : "");
        } catch (BundleException e) {
            return e.message(getResources());
        }
    }

    /** The export gate's verdict on the model, whose file an app built by other means lacks. */
    private String verdict(Files files, String name) throws BundleException {
        try {
            if (!files.has(name)) {
                return getString(R.string.gate_not_asked);
            }
            JSONObject document = new JSONObject(ModelFile.text(files, name));
            int pictures = document.getInt("n");
            int text = text(name, document.getString("verdict"));
            String words = getResources().getQuantityString(text, pictures, pictures);
            return document.getBoolean("second_look") ? words + " " + getString(R.string.gate_second_look) : words;
        } catch (IOException e) {
            throw new BundleException(R.string.file_unreadable, name, e.getMessage());
        } catch (JSONException e) {
            throw new BundleException(R.string.contract_unreadable, name, e.getMessage());
        }
    }

    /** A plural. */
    private static int text(String name, String verdict) throws BundleException {
        switch (verdict) {
            case "passed":
                return R.plurals.gate_passed;
            case "not shown":
                return R.plurals.gate_not_shown;
            case "failed":
                return R.plurals.gate_failed;
            default:
                throw new BundleException(R.string.contract_value_wrong, name, "verdict",
                        "passed, not shown, failed", verdict);
        }
    }

    private String licences() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (InputStream in = getResources().openRawResource(R.raw.licences)) {
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                all.write(part, 0, n);
            }
        } catch (IOException e) {
            throw new AssertionError("a resource of the app's own cannot be unreadable", e);
        }
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
