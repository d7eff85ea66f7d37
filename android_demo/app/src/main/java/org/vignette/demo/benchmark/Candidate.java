package org.vignette.demo.benchmark;

import java.util.Collections;
import java.util.List;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;

/** A model to measure. Immutable. */
final class Candidate {
    final String name;
    /** Built into the app; otherwise from the models folder. */
    final boolean inside;
    final ModelFile file;
    /** Why it cannot be measured; null if it can. */
    final BundleException error;

    Candidate(String name, boolean inside, ModelFile file, BundleException error) {
        this.name = name;
        this.inside = inside;
        this.file = file;
        this.error = error;
    }

    /** The model built into the app; none if it was built without one. */
    static List<Candidate> builtIn(Files files) {
        try {
            ModelFile file = ModelFile.open(files);
            return file == null ? Collections.emptyList()
                    : Collections.singletonList(new Candidate("app", true, file, null));
        } catch (BundleException e) {
            return Collections.singletonList(new Candidate("app", true, null, e));
        }
    }
}
