"""The page is put together from its parts, and holds nothing that could reach outside or run unasked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from export.bundle import contract as contracts
from export.bundle.bundle import Bundle
from export.bundle.contract import Contract
from export.web import page
from export.web.litert_js import LiteRtJs
from export.web.page import Facts, Gate, HeldOut
from tests.support.verbs import ROOT

MODULES = sorted(page.FILES.glob("*.js"))
LIBRARY = LiteRtJs(
    script='import { createWasmLib } from "@litertjs/wasm-utils";\nconst a = "</script>";\n'
    "export {\n  a\n};\n//# sourceMappingURL=index.js.map\n",
    loader="var b = '<!--';\n//# sourceMappingURL=x.map\n",
    wasm=b"\0asm",
)
MODEL = b"no model"
HELD_OUT = HeldOut(n=1, answered=(1,) * 257, right=(1,) * 257)
GATE = Gate(verdict="passed", n=1, second_look=False)


class Parts(HTMLParser):
    """The elements of a page, and the text of those that hold scripts, style and data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inside = ""
        self.texts: dict[str, str] = {}
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.inside = given.get("id") or (
            f"script {given.get('type', '')}".strip() if tag == "script" else tag
        )

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def small_contract() -> Contract:
    """A contract of no model: for what a page does with it."""
    border = {"dtype": "uint8", "scale": 1.0, "zero_point": 0}
    vector = {"name": "one", "width": 1, "height": 1, "rgb": "AAAA", "prepared_sha256": "0" * 64}
    vector |= {"output": "AAA=", "output_xnnpack": "AAA="}
    record = {
        "contract_version": 2,
        "flavour": "int8",
        "model": {"file": "model_int8.tflite", "sha256": "0" * 64, "size_bytes": len(MODEL)},
        "input": {
            **border,
            "width": 64,
            "height": 32,
            "colour_order": "RGB",
            "value_range": (0, 255),
            "letterbox": "bilinear-antialiased-centred-black",
            "content_aspect": 2.0,
        },
        "camera": {"yuv": "bt601-full-range", "chroma_upsampling": "nearest"},
        "output": {**border, "meaning": "probabilities"},
        "labels": ("<!-- </script>", "قطة"),
        "threshold": 0.4296875,
        "tolerance": 0.1,
        "golden": {"runtime": "none", "kernels": "built-in", "num_threads": 1, "vectors": (vector,)},
    }
    return Contract.model_validate(record)


def made(run: str = "flowers") -> Parts:
    facts = Facts(run=run, flavour="int8", gate=GATE, held_out=HELD_OUT, own=("0" * 12,))
    return Parts(page.render(Bundle(Path("int8"), small_contract(), MODEL), facts, LIBRARY))


@pytest.fixture(scope="module")
def parts() -> Parts:
    return made()


def test_the_bundle_is_inside_as_it_is(parts):
    assert base64.b64decode(parts.texts["model"]) == MODEL
    assert contracts.parse(parts.texts["contract"], "the page") == small_contract()
    digest = hashlib.sha256(parts.texts["contract"].encode()).hexdigest()
    assert f'const CONTRACT_SHA256 = "{digest}";' in parts.texts["script module"]


def test_only_the_two_scripts_and_the_style_of_the_page_may_run_and_nothing_is_asked_for(parts):
    policy = next(
        value for tag, name, value in parts.attributes if tag == "meta" and "default-src" in str(value)
    )
    for text, directive in (
        ("script", "script-src"),
        ("script module", "script-src"),
        ("style", "style-src"),
    ):
        digest = base64.b64encode(hashlib.sha256(parts.texts[text].encode()).digest()).decode()
        assert re.search(rf"{directive}[^;]*'sha256-{re.escape(digest)}'", policy), text
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    assert [
        entry for entry in parts.attributes if entry[1] in ("src", "style") or entry[1].startswith("on")
    ] == []
    assert [entry[2] for entry in parts.attributes if entry[1] == "href"] == ["data:,"]


def test_the_library_loses_its_imports_and_what_would_end_its_element(parts):
    module, loader = parts.texts["script module"], parts.texts["script"]
    assert r'const a = "<\/script>";' in module
    assert r"var b = '<\!--';" in loader
    for text in (module, loader):
        assert not re.search(r"^(import|export) |sourceMappingURL|</script|<!--", text, re.MULTILINE)


def test_the_licences_of_what_is_inside_are_in_the_page(parts):
    licences = parts.texts["pre"]
    assert licences.startswith("LiteRT.js 2.5.3 (@litertjs/core), Google, Apache License 2.0.")
    assert (ROOT / "LICENSE").read_text("utf-8").strip() in licences


def test_the_name_of_a_run_is_text_and_quoted_in_its_command():
    parts = made("<b>'my run'</b>")
    assert parts.texts["title"] == "<b>'my run'</b> – Vignette"
    assert parts.texts["code"].startswith("unzip '<b>'\"'\"'my run'\"'\"'</b>-photos.zip' -d photos && ")


def test_the_pages_own_script_has_less_than_900_lines_in_modules_that_are_all_joined():
    lines = [line for path in MODULES for line in path.read_text("utf-8").splitlines()]
    assert len(lines) < 900
    assert max(map(len, lines)) <= 120
    assert {path.stem for path in MODULES} == set(page.MODULES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_comes_after_those_that_it_imports(path):
    imported = re.findall(r'^import .* from "\./(\w+)\.js";$', path.read_text("utf-8"), re.MULTILINE)
    assert set(imported) <= set(page.MODULES[: page.MODULES.index(path.stem)])
    # What is joined has no line of an import or export left.
    assert len(imported) == len(re.findall(r"^import ", path.read_text("utf-8"), re.MULTILINE))


def words() -> dict[str, dict[str, str | dict[str, str]]]:
    return json.loads((page.FILES / "words.json").read_text("utf-8"))


def test_both_languages_have_the_same_words_with_the_same_places():
    english, french = words().values()
    places = {
        key: re.findall(r"\{\d\}", text if isinstance(text, str) else text["other"])
        for key, text in english.items()
    }
    assert places.keys() == french.keys()
    for key, text in french.items():
        shown = text if isinstance(text, str) else text["other"]
        assert sorted(re.findall(r"\{\d\}", shown)) == sorted(places[key]), key
        assert isinstance(text, str) == isinstance(english[key], str), key


def test_every_word_is_used_and_every_used_one_exists():
    script = "".join(path.read_text("utf-8") for path in MODULES)
    template = (page.FILES / "page.html").read_text("utf-8")
    used = {*re.findall(r'"([a-z0-9_]+)"', script), *re.findall(r'data-(?:words|spoken)="(\w+)"', template)}
    # These are put together: the steps of the self-test, and the gate's verdicts.
    used |= {f"{step}_wrong" for step in ("canvas", "letterbox", "model")}
    used |= {f"gate_{verdict}" for verdict in ("passed", "failed", "not_shown")}
    known = set(words()["en"])
    asked = set(re.findall(r'say\("(\w+)"', script)) | set(
        re.findall(r'data-(?:words|spoken)="(\w+)"', template)
    )
    assert known - used == set()
    assert asked - known == set()


@pytest.mark.parametrize(("language", "folder"), [("en", "values"), ("fr", "values-fr")])
def test_what_the_app_says_too_is_said_in_the_same_words(language, folder):
    resources = ET.parse(ROOT / "android_demo/app/src/main/res" / folder / "strings.xml").getroot()

    def text(element: ET.Element) -> str:
        said = (element.text or "").replace("\\u00A0", "\u00a0").replace("\\'", "'").replace("%%", "%")
        return re.sub(r"%(\d)\$[,.\d]*[dsf]", lambda place: f"{{{int(place[1]) - 1}}}", said)

    app: dict[str, str | dict[str, str]] = {one.attrib["name"]: text(one) for one in resources.iter("string")}
    for plural in resources.iter("plurals"):
        app[plural.attrib["name"]] = {item.attrib["quantity"]: text(item) for item in plural}
    for amounts in app.values():
        if isinstance(amounts, dict):
            amounts.pop("many", None)
    own = words()[language]
    for key in (
        *("unknown", "percent", "latency", "question", "none_of_them", "answered", "answered_unknown"),
        *(
            "guide_spoken",
            "picture_spoken",
            "shutter_spoken",
            "letterbox_wrong",
            "about_model",
            "camera_taken_text",
        ),
        *("gate_passed", "gate_not_shown", "gate_failed", "gate_second_look", "gate_not_asked"),
    ):
        assert own[key] == app[key], key
