package org.vignette.demo;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assume.assumeTrue;
import static org.robolectric.Shadows.shadowOf;

import android.Manifest;
import android.content.Intent;
import android.content.pm.PackageManager;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.shadows.ShadowActivity;

/** The camera permission: asked for, refused, dismissed, blocked. */
@RunWith(DemoRunner.class)
@Config(sdk = {26, 35}, application = TestApp.class, shadows = FakeCamera.Reader.class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
public class PermissionTest {
    @Before
    public void setUp() throws Exception {
        assumeTrue(Made.missingRuntime(), Made.missingRuntime() == null);
        TestApp.files = null;
        FakeCamera.addBack();
    }

    private static void answer(Demo demo, int result, boolean mayAskAgain) {
        shadowOf(RuntimeEnvironment.getApplication().getPackageManager())
                .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, mayAskAgain);
        ShadowActivity.PermissionsRequest request = shadowOf(demo.activity()).getLastRequestedPermission();
        assertArrayEquals(new String[] {Manifest.permission.CAMERA}, request.requestedPermissions);
        demo.activity().onRequestPermissionsResult(
                request.requestCode, request.requestedPermissions, new int[] {result});
        Demo.settle();
    }

    @Test
    public void aRefusalMayBeReconsidered() throws Exception {
        Demo.testedBefore();
        Demo demo = Demo.start();
        demo.press(R.id.button);
        answer(demo, PackageManager.PERMISSION_DENIED, true);
        assertEquals(UiState.Kind.PERMISSION_REFUSED, demo.kind());
        demo.press(R.id.button);
        Demo.allowCamera();
        answer(demo, PackageManager.PERMISSION_GRANTED, false);
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void aFinalRefusalLeadsToTheSettings() throws Exception {
        Demo.testedBefore();
        Demo demo = Demo.start();
        demo.press(R.id.button);
        answer(demo, PackageManager.PERMISSION_DENIED, true);
        demo.press(R.id.button);
        answer(demo, PackageManager.PERMISSION_DENIED, false);
        assertEquals(UiState.Kind.PERMISSION_BLOCKED, demo.kind());
        demo.press(R.id.button);
        Intent settings = shadowOf(demo.activity()).getNextStartedActivity();
        assertEquals("android.settings.APPLICATION_DETAILS_SETTINGS", settings.getAction());
        assertEquals("package:org.vignette.demo", settings.getDataString());
        Demo.allowCamera();
        demo.controller.pause().resume();
        Demo.settle();
        assertEquals(UiState.Kind.LIVE, demo.kind());
    }

    @Test
    public void aDialogThatWasDismissedMayBeAskedAgain() throws Exception {
        Demo.testedBefore();
        Demo demo = Demo.start();
        demo.press(R.id.button);
        answer(demo, PackageManager.PERMISSION_DENIED, false);
        assertEquals(UiState.Kind.PERMISSION_REFUSED, demo.kind());
        // Nor does Android ask where the answer was final in an earlier start, which the next try shows.
        demo.press(R.id.button);
        answer(demo, PackageManager.PERMISSION_DENIED, false);
        assertEquals(UiState.Kind.PERMISSION_BLOCKED, demo.kind());
    }

    @Test
    public void anInterruptedQuestionIsNoRefusal() throws Exception {
        Demo.testedBefore();
        Demo demo = Demo.start();
        demo.activity().onRequestPermissionsResult(1, new String[0], new int[0]);
        assertEquals(UiState.Kind.PERMISSION_WANTED, demo.kind());
    }
}
