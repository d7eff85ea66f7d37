package org.vignette.demo;

import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.vignette.demo.model.Contract;
import org.vignette.demo.model.Files;
import org.vignette.demo.model.ModelFile;

/** What run.py generates: golden cases, bundles, and the native half of the runtime. */
public final class Made {
    public static final Path FOLDER = Path.of(System.getProperty("vignette.made"));

    private Made() {}

    /** The lines of a file of cases, split at spaces. */
    public static List<String[]> cases(String name) throws IOException {
        List<String[]> cases = new ArrayList<>();
        for (String line : java.nio.file.Files.readAllLines(FOLDER.resolve("cases/" + name))) {
            cases.add(line.split(" "));
        }
        return cases;
    }

    public static long crc32(byte[] bytes, int size) {
        CRC32 sum = new CRC32();
        sum.update(bytes, 0, size);
        return sum.getValue();
    }

    /** Null if models can run on this machine, otherwise why not. */
    public static String missingRuntime() throws IOException {
        Path reason = FOLDER.resolve("native/missing");
        return java.nio.file.Files.exists(reason) ? java.nio.file.Files.readString(reason) : null;
    }

    /** Empties a folder, creating it if necessary. */
    public static void clear(Path folder) throws IOException {
        if (java.nio.file.Files.exists(folder)) {
            try (Stream<Path> paths = java.nio.file.Files.walk(folder)) {
                for (Path path : paths.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
                    java.nio.file.Files.delete(path);
                }
            }
        }
        java.nio.file.Files.createDirectories(folder);
    }

    public static Bundle bundle(String flavour) throws IOException {
        return new Bundle(FOLDER.resolve("bundles/" + flavour));
    }

    /** A bundle in memory that tests can change. */
    public static final class Bundle implements Files {
        public final Map<String, byte[]> files = new TreeMap<>();

        /** An empty bundle. */
        public Bundle() {}

        public Bundle(Path folder) throws IOException {
            try (var paths = java.nio.file.Files.newDirectoryStream(folder)) {
                for (Path path : paths) {
                    files.put(path.getFileName().toString(), java.nio.file.Files.readAllBytes(path));
                }
            }
        }

        public String contract() {
            return new String(files.get(Contract.FILE), StandardCharsets.UTF_8);
        }

        /** Changes the text of the contract. */
        public Bundle edit(UnaryOperator<String> change) {
            String before = contract();
            String after = change.apply(before);
            if (after.equals(before)) {
                throw new AssertionError("the change changed nothing");
            }
            files.put(Contract.FILE, after.getBytes(StandardCharsets.UTF_8));
            return this;
        }

        /** Adds the model of another flavour, as in an app for the benchmark. */
        public Bundle add(Bundle other) throws Exception {
            Contract contract = ModelFile.open(other).contract;
            files.put(contract.modelFile, other.files.get(contract.modelFile));
            files.put("contract_" + contract.flavour + ".json", other.files.get(Contract.FILE));
            return this;
        }

        /** Makes the contract one of version 1. */
        public Bundle toVersion1() {
            return edit(text -> text.replace("\"contract_version\": 2", "\"contract_version\": 1")
                    .replaceAll(",\\s*\"output_xnnpack(_arm64)?\": \"[^\"]*\"", ""));
        }

        @Override
        public InputStream open(String name) throws IOException {
            return new ByteArrayInputStream(get(name));
        }

        @Override
        public ByteBuffer map(String name) throws IOException {
            byte[] bytes = get(name);
            ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder());
            buffer.put(bytes).rewind();
            return buffer;
        }

        @Override
        public boolean has(String name) {
            return files.containsKey(name);
        }

        private byte[] get(String name) throws FileNotFoundException {
            if (!has(name)) {
                throw new FileNotFoundException(name);
            }
            return files.get(name);
        }
    }
}
