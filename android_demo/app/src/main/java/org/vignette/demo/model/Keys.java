package org.vignette.demo.model;

import org.json.JSONArray;
import org.json.JSONObject;
import org.vignette.demo.R;

/**
 * One JSON object of the contract, read strictly: Android's own reader would turn "224" into 224, and report a missing
 * key in English only.
 */
final class Keys {
    private final String path;
    private final JSONObject object;

    /**
     * @param path of the object with a trailing dot, for messages; empty at the top.
     * @param object null if it is missing.
     */
    Keys(String path, JSONObject object) throws BundleException {
        if (object == null) {
            throw new BundleException(R.string.contract_key_missing, Contract.FILE, path);
        }
        this.path = path;
        this.object = object;
    }

    Keys inside(String key) throws BundleException {
        if (!(value(key) instanceof JSONObject)) {
            throw unexpected(key, value(key), "{…}");
        }
        return new Keys(path + key + ".", object.optJSONObject(key));
    }

    String text(String key) throws BundleException {
        Object value = value(key);
        if (!(value instanceof String) || ((String) value).isEmpty()) {
            throw unexpected(key, value, "\"…\"");
        }
        return (String) value;
    }

    /** A number between two bounds, inclusive. */
    double real(String key, double least, double most) throws BundleException {
        Object value = value(key);
        double number = value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
        if (!(number >= least && number <= most)) {
            throw unexpected(key, value, least + " … " + most);
        }
        return number;
    }

    /** A whole number between two bounds, inclusive. */
    int integer(String key, int least, int most) throws BundleException {
        Object value = value(key);
        double number = value instanceof Number ? ((Number) value).doubleValue() : Double.NaN;
        if (!(number >= least && number <= most) || number != Math.rint(number)) {
            throw unexpected(key, value, least + " … " + most);
        }
        return (int) number;
    }

    /** A non-empty list. */
    JSONArray list(String key) throws BundleException {
        Object value = value(key);
        if (!(value instanceof JSONArray) || ((JSONArray) value).length() == 0) {
            throw unexpected(key, value, "[…]");
        }
        return (JSONArray) value;
    }

    /** Rejects any rule other than the one this app implements. */
    void only(String key, String allowed) throws BundleException {
        Object value = value(key);
        if (!value.toString().equals(allowed)) {
            throw unexpected(key, value, allowed);
        }
    }

    BundleException unexpected(String key, Object received, String allowed) {
        return new BundleException(R.string.contract_value_wrong, Contract.FILE, path + key, allowed, received);
    }

    private Object value(String key) throws BundleException {
        if (!object.has(key)) {
            throw new BundleException(R.string.contract_key_missing, Contract.FILE, path + key);
        }
        return object.opt(key);
    }
}
