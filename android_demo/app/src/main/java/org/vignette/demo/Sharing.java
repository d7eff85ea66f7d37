package org.vignette.demo;

import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.os.BadParcelableException;
import android.os.Build;
import android.os.Bundle;
import android.os.Parcelable;
import android.provider.MediaStore;
import android.widget.Toast;

/** A picture that comes from elsewhere: shared by another app, or picked by the user. */
final class Sharing {
    /** The request whose result is the address of a picture. */
    static final int PICK = 2;

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

    /** Opens the system's photo picker, or its list of files on a phone without one. */
    static void pick(Activity activity) {
        Intent pick = Build.VERSION.SDK_INT >= 33 ? new Intent(MediaStore.ACTION_PICK_IMAGES)
                : new Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE);
        try {
            activity.startActivityForResult(pick.setType("image/*"), PICK);
        } catch (ActivityNotFoundException e) {
            Toast.makeText(activity, R.string.gallery_missing, Toast.LENGTH_LONG).show();
        }
    }

    /** The picked picture as if another app had shared it. */
    static Intent picked(Intent result) {
        return new Intent(Intent.ACTION_SEND).putExtra(Intent.EXTRA_STREAM, result.getData());
    }
}
