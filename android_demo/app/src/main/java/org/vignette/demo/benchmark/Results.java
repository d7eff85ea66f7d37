package org.vignette.demo.benchmark;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.vignette.demo.core.Disk;
import org.vignette.demo.core.StorageException;

/** The benchmark folder of the app's external files, from which a computer pulls the results of sessions. */
final class Results {
    private static final String PROGRESS = ".progress.json";

    private final File folder;
    private final Disk disk;

    Results(File folder, Disk disk) {
        this.folder = folder;
        this.disk = disk;
    }

    /** Where a session's result is stored. */
    File result(String session) {
        return new File(folder, session + ".json");
    }

    /** Where a session's list of models is stored. */
    File listing(String session) {
        return new File(folder, session + ".models.json");
    }

    /** Removes the files of an earlier session of the same name, so that they are not mistaken for the new ones. */
    void begin(String session) throws StorageException {
        List<File> stale = new ArrayList<>();
        for (File file : new File[] {result(session), listing(session), progress(session)}) {
            stale.add(file);
            stale.add(new File(folder, file.getName() + Disk.PART));
        }
        for (File file : stale) {
            disk.delete(file);
        }
    }

    /** @param document a result or a failure; the session's progress file is deleted. */
    void end(String session, JSONObject document) throws StorageException, JSONException {
        disk.delete(progress(session));
        disk.write(result(session), document.toString(1) + "\n");
    }

    void list(String session, JSONObject document) throws StorageException, JSONException {
        disk.write(listing(session), document.toString(1) + "\n");
    }

    /** @param english what is being measured. */
    void progress(String session, BenchmarkStep step, String english) throws StorageException, JSONException {
        disk.write(progress(session), new JSONObject()
                .put("benchmark_version", Benchmark.VERSION)
                .put("session", session)
                .put("done", step.done)
                .put("of", step.of)
                .put("now", english)
                .toString(1) + "\n");
    }

    private File progress(String session) {
        return new File(folder, session + PROGRESS);
    }
}
