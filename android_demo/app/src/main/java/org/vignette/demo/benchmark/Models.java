package org.vignette.demo.benchmark;

import android.content.res.Resources;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.R;
import org.vignette.demo.core.Disk;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;

/** The bundles pushed by adb to the models folder of the app's external files, one per folder. */
final class Models {
    /** Of a folder; no such name can lead out of the models folder. */
    static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private final File folder;

    /** @param folder need not exist. */
    Models(File folder) {
        this.folder = folder;
    }

    String path() {
        return folder.getPath();
    }

    /**
     * The names of all folders, usable or not.
     *
     * @throws BundleException the phone denies access.
     */
    List<String> names() throws BundleException {
        List<String> names = new ArrayList<>();
        if (folder.exists() && folder.list() == null) {
            throw new BundleException(R.string.models_denied, folder.getPath());
        }
        for (File file : Disk.inside(folder)) {
            if (file.isDirectory()) {
                names.add(file.getName());
            }
        }
        return names;
    }

    /**
     * Opens a bundle and verifies that its files belong together.
     *
     * @throws BundleException there is no such bundle, or it cannot be used.
     */
    ModelFile open(String name) throws BundleException {
        if (!NAME.matcher(name).matches()) {
            throw new BundleException(R.string.name_wrong, name, NAME.pattern());
        }
        File bundle = new File(folder, name);
        if (!bundle.isDirectory()) {
            throw new BundleException(R.string.bundle_missing, name, folder.getPath());
        }
        if (bundle.list() == null) {
            throw new BundleException(R.string.models_denied, bundle.getPath());
        }
        ModelFile file = ModelFile.open(new Files.Folder(bundle));
        if (file == null) {
            throw new BundleException(R.string.bundle_without_contract, name, Contract.FILE);
        }
        return file;
    }

    /**
     * The bundles to measure, usable or not.
     *
     * @param names of folders; empty for all.
     * @throws BundleException the phone denies access to the models folder.
     */
    List<Candidate> candidates(List<String> names) throws BundleException {
        List<Candidate> all = new ArrayList<>();
        for (String name : names.isEmpty() ? names() : names) {
            try {
                all.add(new Candidate(name, false, open(name), null));
            } catch (BundleException e) {
                all.add(new Candidate(name, false, null, e));
            }
        }
        return all;
    }

    /**
     * Lists which bundles can be read, and why the others cannot.
     *
     * @param into gets {@code folder}, {@code error} and {@code models}.
     * @param english for messages.
     */
    void list(JSONObject into, Resources english) throws JSONException {
        JSONArray all = new JSONArray();
        Object error = JSONObject.NULL;
        try {
            for (Candidate found : candidates(Collections.emptyList())) {
                all.put(json(found, english));
            }
        } catch (BundleException e) {
            error = e.message(english);
        }
        into.put("folder", folder.getPath()).put("error", error).put("models", all);
    }

    private static JSONObject json(Candidate found, Resources english) throws JSONException {
        JSONObject json = new JSONObject().put("name", found.name);
        if (found.error != null) {
            return json.put("error", found.error.message(english));
        }
        Contract contract = found.file.contract;
        return json.put("error", JSONObject.NULL)
                .put("flavour", contract.flavour)
                .put("file", contract.modelFile)
                .put("size_bytes", contract.modelBytes)
                .put("sha256", contract.modelSha256);
    }
}
