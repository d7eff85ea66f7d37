package org.vignette.demo.benchmark;

import java.util.ArrayList;
import java.util.List;
import org.vignette.demo.model.BundleException;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;

/** A model in the app, to be measured. Immutable. */
final class Candidate {
    /** The name of its contract in the app. */
    final String contract;
    final ModelFile file;
    /** Why it cannot be measured; null if it can. */
    final BundleException error;

    Candidate(String contract, ModelFile file, BundleException error) {
        this.contract = contract;
        this.file = file;
        this.error = error;
    }

    /** The usual model of the camera, then its other flavours. */
    static List<Candidate> all(Files files) {
        List<Candidate> all = new ArrayList<>();
        add(all, files, Contract.FILE);
        for (String flavour : ModelFile.FLAVOURS) {
            add(all, files, ModelFile.contractOf(flavour));
        }
        return all;
    }

    /** Whether it is the one that the camera uses unless the user chooses another. */
    boolean isBuiltIn() {
        return contract.equals(Contract.FILE);
    }

    private static void add(List<Candidate> all, Files files, String contract) {
        try {
            ModelFile file = ModelFile.open(files, contract);
            if (file != null) {
                all.add(new Candidate(contract, file, null));
            }
        } catch (BundleException e) {
            all.add(new Candidate(contract, null, e));
        }
    }
}
