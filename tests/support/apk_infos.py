"""What apk.json says about an app that nobody built."""

from __future__ import annotations

from export.android.adb import app
from export.android.apk.apk_info import ApkInfo, RuntimeInside, Sizes
from export.android.apk.signature import Signature


def apk_info_of(sha256: str) -> ApkInfo:
    """The description of an app with that sha256."""
    return ApkInfo(
        file="demo.apk",
        sha256=sha256,
        package=app.PACKAGE,
        version="1.0 (1)",
        min_sdk=26,
        target_sdk=35,
        debuggable=False,
        abis=("arm64-v8a",),
        libraries=(),
        permissions=(),
        sizes=Sizes(whole=0, dex=0, libraries=0, model=0, other=0),
        misaligned=(),
        built_with="nothing",
        model="model_int8.tflite",
        runtime=RuntimeInside(name="tensorflow-lite 2.16.1", version="2.16.1", operators=()),
        signature=Signature(verified=True, schemes=(2, 3), sha256="", subject="", key="nobody's", errors=()),
    )
