package org.vignette.demo;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.content.Intent;
import java.io.File;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.vignette.demo.core.Disk;
import org.vignette.demo.photos.Photo;
import org.vignette.demo.photos.Photos;

/** The question what a photo shows is asked until it is answered. */
@RunWith(DemoRunner.class)
@Config(sdk = 35, application = TestApp.class, shadows = {FakeCamera.Reader.class, FakeCamera.Manager.class})
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class QuestionTest {
    private Demo demo;

    @Before
    public void setUp() throws Exception {
        Demo.ready();
        demo = Demo.start().drawn();
        FakeCamera.Reader.last.deliver(new FakeCamera.Frame(640, 480, 7));
        Demo.settle();
        demo.activity().findViewById(R.id.shutter).performClick();
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
    }

    private Photo only() {
        Photos.Album album = new Photos(new File(Demo.app().getExternalFilesDir(null), "photos"), new Disk()).album();
        assertEquals(1, album.photos.size());
        return album.photos.get(0);
    }

    private static void leave(Demo demo) {
        demo.controller.pause().stop().destroy();
        Demo.settle();
    }

    @Test
    public void rotationKeepsIt() {
        demo.controller.recreate();
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        assertTrue(demo.shown(R.id.question));
        demo.press(R.id.none);
        assertEquals(Photo.Naming.NONE, only().naming);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void theLauncherKeepsIt() {
        demo.controller.pause().newIntent(new Intent(Intent.ACTION_MAIN)).resume();
        Demo.settle();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
    }

    @Test
    public void backAndTheEndOfTheProcessKeepIt() {
        leave(demo);
        demo = Demo.start();
        assertEquals(UiState.Kind.TAKEN, demo.kind());
        demo.press(R.id.none);
        assertEquals(Photo.Naming.NONE, only().naming);
        leave(demo);
        assertEquals(UiState.Kind.LIVE, Demo.start().kind());
    }

    @Test
    public void laterIsAnAnswerAndTheQuestionDoesNotComeBack() {
        demo.press(R.id.later);
        assertEquals(Photo.Naming.NOTHING, only().naming);
        leave(demo);
        assertEquals(UiState.Kind.LIVE, Demo.start().kind());
    }

    @Test
    public void aPhotoThatIsGoneIsNotAskedAbout() {
        demo.controller.pause().stop();
        Demo.settle();
        assertTrue(Photo.document(only().picture).delete());
        demo.controller.start().resume();
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
        assertFalse(demo.shown(R.id.question));
    }
}
