package org.vignette.demo;

import android.content.Intent;
import android.os.BadParcelableException;
import android.os.Bundle;
import android.os.Parcelable;

/** What another app shares with this one. */
final class Sharing {
    private Sharing() {}

    /** What is shared, which should be the address of a picture; null for an ordinary start. */
    static Parcelable of(Intent intent) {
        // From the list of recent apps, Android starts the last intent again.
        boolean again = (intent.getFlags() & Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY) != 0;
        if (again || !Intent.ACTION_SEND.equals(intent.getAction())) {
            return null;
        }
        try {
            return intent.getParcelableExtra(Intent.EXTRA_STREAM);
        } catch (BadParcelableException e) {
            // An object of a class that only the sender has.
            return new Bundle();
        }
    }
}
