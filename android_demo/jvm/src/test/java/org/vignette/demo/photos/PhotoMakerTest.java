package org.vignette.demo.photos;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.image.BufferedImage;
import java.io.File;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.json.JSONObject;
import org.junit.jupiter.api.Test;
import org.vignette.demo.CameraPicture;
import org.vignette.demo.Made;
import org.vignette.demo.Noise;
import org.vignette.demo.core.Disk;
import org.vignette.demo.model.Classifier;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Frame;
import org.vignette.demo.model.Frame.Shot;
import org.vignette.demo.model.ModelFile;

/**
 * Makes a folder of photos by the app's own classes, from the camera's picture to the document, for the Python side to
 * read: run.py --photos OUT [--pictures FOLDER] [--bundle DIR] [--kernels built-in]. FOLDER holds a folder for each
 * class, and what lies in "unsaid" is kept unnamed; without it, noise is photographed. The phone is made up, the rest is
 * not.
 */
public class PhotoMakerTest {
    public static final JSONObject PHONE = new JSONObject(java.util.Map.of(
            "app", java.util.Map.of("id", "org.vignette.demo", "version", "1.0", "code", 1),
            "device", java.util.Map.of("manufacturer", "Java", "model", "virtual machine", "android", "15", "sdk", 35,
                    "abi", "x86_64", "soc", JSONObject.NULL, "cores", 2, "memory_kb", 4_000_000),
            "runtime", "2.21.0"));

    /** A session of a few photos, then an hour's pause. */
    private static final int IN_SESSION = 8;

    private static String property(String key, Object usual) {
        return System.getProperty("vignette." + key, usual.toString());
    }

    @Test
    void makesPhotos() throws Exception {
        String missing = Made.missingRuntime();
        assumeTrue(missing == null, missing);
        Path out = Path.of(property("photos", Made.FOLDER.resolve("written/photos")));
        Made.clear(out);
        // In an ordinary run the given bundles are ClassifierTest's.
        boolean ordinary = System.getProperty("vignette.photos") == null;
        String given = ordinary ? "" : System.getProperty("vignette.bundles", "");
        ModelFile model = ModelFile.open(given.isEmpty() ? Made.bundle("int8")
                : new Made.Bundle(Path.of(given.split(File.pathSeparator)[0])));
        Classifier.Kernels kernels = property("kernels", "built-in").equals("XNNPACK")
                ? Classifier.Kernels.XNNPACK : Classifier.Kernels.BUILT_IN;
        Photos photos = new Photos(out.toFile(), new Disk());
        List<Source> sources = sources(model.contract);
        assertFalse(sources.isEmpty(), "no pictures");
        long time = Instant.parse("2026-01-05T09:00:00Z").toEpochMilli();
        Frame frame = new Frame(model.contract);
        try (Classifier classifier = new Classifier(model, kernels)) {
            for (int i = 0; i < sources.size(); i++) {
                Source source = sources.get(i);
                frame.fill(new CameraPicture(source.picture(), model.contract.contentAspect), CameraPicture.ROTATION);
                long start = System.nanoTime();
                byte[] output = classifier.run(frame.pixels);
                double ms = (System.nanoTime() - start) / 1e6;
                Shot shot = new Shot(model.contract, frame, kernels, output, ms, time);
                Photo photo = photos.save(shot, PHONE);
                if (!source.unsaid) {
                    photos.label(photo, source.label, time + 2500);
                }
                time += i % IN_SESSION == IN_SESSION - 1 ? 3_600_000 : 20_000;
            }
        }
        assertEquals(sources.size(), photos.album().photos.size());
    }

    /** A picture and its label. */
    private static final class Source {
        final File file;
        final int seed;
        /** Null for none of the model's. */
        final String label;
        final boolean unsaid;

        Source(File file, int seed, String label, boolean unsaid) {
            this.file = file;
            this.seed = seed;
            this.label = label;
            this.unsaid = unsaid;
        }

        BufferedImage picture() throws Exception {
            if (file != null) {
                BufferedImage read = ImageIO.read(file);
                assertNotNull(read, "no picture: " + file);
                return read;
            }
            BufferedImage drawn = new BufferedImage(160, 120, BufferedImage.TYPE_INT_RGB);
            byte[] noise = Noise.bytes(seed, 3 * 16 * 12);
            for (int y = 0; y < 120; y++) {
                for (int x = 0; x < 160; x++) {
                    int at = 3 * (y / 10 * 16 + x / 10);
                    drawn.setRGB(x, y, (noise[at] & 255) << 16 | (noise[at + 1] & 255) << 8 | noise[at + 2] & 255);
                }
            }
            return drawn;
        }
    }

    private static List<Source> sources(Contract contract) {
        List<Source> sources = new ArrayList<>();
        String pictures = System.getProperty("vignette.pictures", "");
        if (pictures.isEmpty()) {
            for (int i = 0; i < 4 * contract.labels.size() + 3; i++) {
                String label = i % 5 == 4 ? null : contract.labels.get(i % contract.labels.size());
                sources.add(new Source(null, i, label, i % 7 == 6));
            }
            return sources;
        }
        for (File folder : Disk.inside(new File(pictures))) {
            for (File file : Disk.inside(folder)) {
                boolean known = contract.labels.contains(folder.getName());
                sources.add(new Source(file, 0, known ? folder.getName() : null, folder.getName().equals("unsaid")));
            }
        }
        return sources;
    }
}
