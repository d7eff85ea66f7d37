package org.vignette.demo.model;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.vignette.demo.R;

/** A contract and its model, verified to belong together. Immutable. */
public final class ModelFile {
    /** Every flavour that there is. */
    public static final List<String> FLAVOURS =
            Collections.unmodifiableList(Arrays.asList("float32", "float16", "dynamic_range", "int8"));

    /** The name of the contract's file. */
    public final String name;
    public final Contract contract;
    /** The whole .tflite file. */
    final ByteBuffer bytes;

    private ModelFile(String name, Contract contract, ByteBuffer bytes) {
        this.name = name;
        this.contract = contract;
        this.bytes = bytes;
    }

    /**
     * Reads the contract, maps the model and checks its size and sha256.
     *
     * @return null if the app was built without a model.
     * @throws BundleException the files are damaged, do not belong together or are newer than this app.
     */
    public static ModelFile open(Files files) throws BundleException {
        return open(files, Contract.FILE);
    }

    /** The name of the contract of a flavour that is not the usual one; an app for the benchmark has such. */
    public static String contractOf(String flavour) {
        return "contract_" + flavour + ".json";
    }

    /** The flavours in the app, the usual one first. */
    static List<String> flavours(Files files) throws BundleException {
        try {
            List<String> all = new ArrayList<>();
            all.add(Contract.read(text(files, Contract.FILE)).flavour);
            for (String flavour : FLAVOURS) {
                if (files.has(contractOf(flavour))) {
                    all.add(flavour);
                }
            }
            return all;
        } catch (IOException e) {
            throw new BundleException(R.string.file_unreadable, Contract.FILE, e.getMessage());
        }
    }

    /** As above, of a flavour; of the usual one if that is null or not in the app. */
    public static ModelFile openFlavour(Files files, String flavour) throws BundleException {
        ModelFile other = flavour == null ? null : open(files, contractOf(flavour));
        return other == null ? open(files) : other;
    }

    /** As above, by the name of the contract. */
    public static ModelFile open(Files files, String contractName) throws BundleException {
        String name = contractName;
        try {
            if (!files.has(name)) {
                return null;
            }
            Contract contract = Contract.read(text(files, name));
            name = contract.modelFile;
            if (!files.has(name)) {
                throw new BundleException(R.string.model_missing, name, Contract.FILE);
            }
            ByteBuffer bytes = files.map(name);
            if (bytes.remaining() != contract.modelBytes) {
                throw new BundleException(R.string.model_size, name, bytes.remaining(), contract.modelBytes);
            }
            if (!sha256(bytes.duplicate()).equals(contract.modelSha256.toLowerCase(Locale.ROOT))) {
                throw new BundleException(R.string.model_sha256, name, Contract.FILE);
            }
            return new ModelFile(contractName, contract, bytes);
        } catch (FileNotFoundException e) {
            throw new BundleException(R.string.model_compressed, name);
        } catch (IOException e) {
            throw new BundleException(R.string.file_unreadable, name, e.getMessage());
        }
    }

    /** The sha256 of a buffer's remaining bytes, in lower-case hexadecimal; the buffer is consumed. */
    public static String sha256(ByteBuffer bytes) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Android has SHA-256", e);
        }
        digest.update(bytes);
        StringBuilder hex = new StringBuilder();
        for (byte b : digest.digest()) {
            hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        return hex.toString();
    }

    /** The contents of a UTF-8 file of the bundle. */
    public static String text(Files files, String name) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (InputStream in = files.open(name)) {
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                all.write(part, 0, n);
            }
        }
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
