"""The page: one HTML file with the model, its contract, LiteRT.js and our script inside.

The files of `page/` are real ES modules, style, texts and a template; here they are joined. The page's
security policy allows no requests, and no script but the two that are in it, by their hashes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shlex
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import JsonValue

from export.bundle import contract as contracts
from export.bundle.bundle import Bundle
from export.web.litert_js import PACKAGE, VERSION, LiteRtJs
from pipeline.core.documents import Document
from pipeline.core.packages import ROOT

GRID = 256  # of thresholds
FILES = Path(__file__).parent / "page"
# Each after those that it imports.
MODULES = ("letterbox", "bytes", "words", "pictures", "model", "camera", "scores", "view", "main")
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORTS = re.compile(r"^export \{[^}]*\};$", re.MULTILINE)
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async |class |const |function )", re.MULTILINE)
# The library's own way of loading, without fetching a script, and without WebGPU: on some phones its answers
# are wrong after the first.
_LITERT = """const litert = (() => {{
const createWasmLib = async (Library) => new Library(await self.ModuleFactory(self.Module));
{script}
async function open() {{
  const library = await load("inside.js");
  setGlobalLiteRt(library);
  library.setDefaultEnvironment(await Environment.create({{ webGpuDevice: null }}));
}}
return {{ open, loadAndCompile, Tensor }};
}})();
"""


class HeldOut(Document):
    """How many of the n held-out pictures thresholds of 0, 1/256, …, 1 answer, and how many right."""

    n: int
    answered: tuple[int, ...]
    right: tuple[int, ...]


class Gate(Document):
    """What the gate says about the file, from parity.json."""

    verdict: str
    n: int
    second_look: bool


class Facts(Document):
    """What the page shows of a run.

    Attributes:
        run: Its name.
        flavour: Of the model inside.
        gate: None if it has not been through the gate.
        held_out: For what a threshold would change.
        own: The first twelve digits of the sha256 of each of the run's pictures.
    """

    run: str
    flavour: str
    gate: Gate | None
    held_out: HeldOut
    own: tuple[str, ...]


def render(bundle: Bundle, facts: Facts, library: LiteRtJs) -> str:
    """The whole page."""
    contract = _json(contracts.as_json(bundle.contract))
    digest = hashlib.sha256(contract.encode()).hexdigest()
    script = (
        _LITERT.format(script=_bare(library.script))
        + f'const CONTRACT_SHA256 = "{digest}";\n'
        + _own_script()
    )
    loader = _in_script(_SOURCE_MAP.sub("", library.loader))
    style = (FILES / "style.css").read_text("utf-8")
    words = json.loads((FILES / "words.json").read_text("utf-8"))
    environment = Environment(loader=FileSystemLoader(FILES), autoescape=True, undefined=StrictUndefined)
    licence = (ROOT / "LICENSE").read_text("utf-8")
    texts = {
        "page": _json({**facts.model_dump(mode="json"), "words": words}),
        "contract": contract,
        "model": base64.b64encode(bundle.data).decode(),
        "wasm": base64.b64encode(gzip.compress(library.wasm, mtime=0)).decode(),
        "loader": loader,
        "script": _in_script(script),
        "style": style,
    }
    hashes = {f"{name}_hash": _hash(texts[name]) for name in ("loader", "script", "style")}
    origin = f"LiteRT.js {VERSION} ({PACKAGE}), Google, Apache License 2.0.\nVignette, Apache License 2.0."
    # The large parts are put in as they are, after the template: they hold no name that a user chose.
    page = environment.get_template("page.html").render(
        run=facts.run,
        command=_command(facts.run),
        threshold=bundle.contract.threshold * GRID,
        licences=f"{origin}\n\n{licence}",
        **hashes,
        **{name: f"\0{name}\0" for name in texts},
    )
    return re.sub(r"\0(\w+)\0", lambda place: texts[place[1]], page)


def _command(run: str) -> str:
    """What scores and adopts the labelled pictures that the page saves."""
    archive, name = shlex.quote(f"{run}-photos.zip"), shlex.quote(run)
    return f"unzip {archive} -d photos && python -m export photos photos --run {name} --adopt field"


def _own_script() -> str:
    """Our modules in one scope, without their imports and exports."""
    parts = ((FILES / f"{name}.js").read_text("utf-8") for name in MODULES)
    return "".join(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts)


def _bare(script: str) -> str:
    """A library's module without its imports and exports."""
    return _EXPORTS.sub("", _IMPORT.sub("", _SOURCE_MAP.sub("", script)))


def _in_script(script: str) -> str:
    """The same script without what would end or disturb its element; both occur in texts only."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _json(value: JsonValue) -> str:
    """JSON for an element of the page: no `<` could begin a tag."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
