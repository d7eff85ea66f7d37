"""The app's Java packages depend on each other in one direction only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "android_demo/app/src/main/java/org/vignette/demo"
PACKAGE = "org.vignette.demo"
# What each package may use besides itself and the generated R; "" is the root package.
ALLOWED = {
    "core": set(),
    "image": {"core"},
    "model": {"core", "image"},
    "camera": {"core", "image", "model"},
    "photos": {"core", "image", "model"},
    "benchmark": {"core", "image", "model"},
    "": {"core", "image", "model", "camera", "photos", "benchmark"},
}
# A class of the app by its full name, or all classes of a package; R belongs to nobody. Strings name
# the actions of intents.
USE = re.compile(rf"(?<!\")\b{re.escape(PACKAGE)}\.(?:(?P<package>[a-z]\w*)\.)?(?!R\b)(?:[A-Z]\w*|\*)")


def package_of(path: Path, sources: Path) -> str:
    return ".".join(path.parent.relative_to(sources).parts)


def forbidden(sources: Path) -> list[str]:
    """Each use of a class that the direction forbids: the file, then the class."""
    return [
        f"{path.relative_to(sources)} uses {use[0]}"
        for path in sorted(sources.rglob("*.java"))
        for use in USE.finditer(path.read_text("utf-8"))
        if (use["package"] or "") not in ALLOWED[package_of(path, sources)] | {package_of(path, sources)}
    ]


def test_packages_are_those_that_the_direction_names():
    assert {package_of(path, SOURCES) for path in SOURCES.rglob("*.java")} == set(ALLOWED)


def test_every_file_declares_the_package_of_its_folder():
    for path in SOURCES.rglob("*.java"):
        name = ".".join(filter(None, (PACKAGE, package_of(path, SOURCES))))
        assert path.read_text("utf-8").startswith(f"package {name};\n"), path


def test_packages_use_each_other_in_one_direction():
    assert forbidden(SOURCES) == []


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("core", "import org.vignette.demo.image.Yuv;"),
        ("image", "import org.vignette.demo.model.Contract;"),
        ("model", "import org.vignette.demo.DemoApp;"),
        ("model", "import static org.vignette.demo.photos.Photo.VERSION;"),
        ("camera", "import org.vignette.demo.benchmark.*;"),
        ("photos", "final class Turned extends org.vignette.demo.camera.Preview {}"),
        ("benchmark", "import org.vignette.demo.*;"),
    ],
)
def test_an_arrow_turned_round_is_found(package, line, tmp_path):
    for name in ALLOWED:
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / package / "Turned.java").write_text(f"package {PACKAGE}.{package};\n\n{line}\n")
    (tmp_path / "core/Straight.java").write_text(f"package {PACKAGE}.core;\n\nimport {PACKAGE}.R;\n")
    (use,) = forbidden(tmp_path)
    assert use.startswith(f"{package}/Turned.java uses {PACKAGE}.")
