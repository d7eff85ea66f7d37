"""Small bundles of every flavour for the tests of the app: python -m tests.support.app_bundles FOLDER.

Made by `export.bundle.bundle`, so the app is tested on what it will read. `future` is the int8 one with an
operator version above every runtime's.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from export.bundle import bundle
from export.model_file import metadata
from pipeline.core import files, sections
from pipeline.core.size import Size
from tests.support import small_models

# The last one is too long for a narrow screen, where it must be cut.
LABELS = ("bicycle", "kettle", "window", "a label that is much too long for a narrow screen")
FRAME = Size(64, 48)


def write(folder: Path, flavour: sections.Flavour) -> None:
    """A whole bundle in a folder."""
    said = metadata.classifier(LABELS, FRAME, flavour)
    data = metadata.write(small_models.build(flavour, len(LABELS), FRAME, spread=1.0), said, FRAME)
    made = bundle.make_contract(
        data, flavour=flavour, labels=LABELS, threshold=0.4296875, content_aspect=16 / 9
    )
    files.write_bytes(folder / bundle.model_name(flavour), data)
    bundle.write(made, folder)


def write_future(folder: Path, int8: Path) -> None:
    """The bundle of a model that no runtime runs."""
    record = json.loads((int8 / bundle.CONTRACT).read_text("utf-8"))
    name = record["model"]["file"]
    data = small_models.with_operator_version((int8 / name).read_bytes(), "SOFTMAX", 99)
    record["model"] |= {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    files.write_bytes(folder / name, data)
    files.write_bytes(folder / bundle.LABELS, (int8 / bundle.LABELS).read_bytes())
    files.write_json(folder / bundle.CONTRACT, record)


def main(folder: Path) -> None:
    for flavour in sections.FLAVOURS:
        write(folder / flavour, flavour)
    write_future(folder / "future", folder / "int8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
