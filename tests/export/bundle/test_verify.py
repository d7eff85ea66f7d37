"""Golden vectors replayed: equal, and each step wrong in turn."""

from __future__ import annotations

import base64
import json

import pytest

from export.bundle import bundle, verify
from pipeline.core import sections
from pipeline.core.errors import GateError
from pipeline.core.progress import silent


def edit(folder, change) -> None:
    path = folder / bundle.CONTRACT
    record = json.loads(path.read_text("utf-8"))
    for vector in record["golden"]["vectors"]:
        change(record, vector)
    path.write_text(json.dumps(record), "utf-8")


@pytest.mark.parametrize("flavour", sections.FLAVOURS)
def test_every_flavour_replays_within_its_tolerance(small_bundles, flavour):
    seen = []
    result = verify.verify(small_bundles[flavour], lambda stage, done, total: seen.append((done, total)))
    assert result.passed
    assert result.differs is None
    assert result.flavour == flavour
    built_in, xnnpack = result.model
    assert (built_in.kernels, xnnpack.kernels) == ("built-in", "XNNPACK")
    assert built_in.equal == result.vectors
    assert built_in.allowed == (0 if flavour == "int8" else result.tolerance)
    assert xnnpack.largest_difference <= result.tolerance
    assert seen == [(n, 3 * result.vectors) for n in range(1, 3 * result.vectors + 1)]
    result.require()
    json.dumps(result.as_dict(), allow_nan=False)


def test_letterbox_that_differs_is_named_and_the_model_not_asked(int8_bundle):
    def change(record, vector):
        if vector["name"] in ("enlarged", "shrunk"):
            vector["prepared_sha256"] = "0" * 64

    edit(int8_bundle, change)
    result = verify.verify(int8_bundle)
    assert not result.passed
    assert result.letterbox == ("enlarged", "shrunk")
    assert result.model == ()
    assert result.differs is not None
    assert result.differs.startswith("the letterbox differs on 2 of 15 vectors (enlarged, shrunk)")
    with pytest.raises(
        GateError, match=r"int8 no longer reproduces its golden vectors: the letterbox differs"
    ) as caught:
        result.require()
    assert caught.value.exit_code == 3
    assert "versions of LiteRT, Pillow and numpy" in caught.value.hint


def test_one_step_of_an_integer_output_differs_on_the_built_in_kernels(int8_bundle):
    def change(record, vector):
        if vector["name"] == "noise":
            raw = bytearray(base64.b64decode(vector["output"]))
            raw[0] += 1 if raw[0] < 255 else -1
            vector["output"] = base64.b64encode(raw).decode()

    edit(int8_bundle, change)
    result = verify.verify(int8_bundle)
    assert [kernels.beyond for kernels in result.model] == [("noise",), ()]
    assert result.model[0].equal == result.vectors - 1
    assert result.differs == (
        "the model (built-in kernels) differs on 1 of 15 vectors (noise) "
        "by 0.0039 in probability; 0.0000 is allowed"
    )


def test_top_answer_counts_only_where_its_margin_is_twice_the_tolerance(small_bundles, tmp_path):
    import shutil

    import numpy as np

    folder = shutil.copytree(small_bundles["float32"], tmp_path / "float32")

    def swap(record, vector):
        record["tolerance"] = 1.0
        raw = np.frombuffer(base64.b64decode(vector["output"]), "<f4").copy()
        first, second = raw.argsort()[::-1][:2]
        raw[[first, second]] = raw[[second, first]]
        vector["output"] = base64.b64encode(raw.tobytes()).decode()

    edit(folder, swap)
    assert verify.verify(folder).passed
    edit(folder, lambda record, vector: record.update(tolerance=0.4))
    result = verify.verify(folder)
    assert result.model[0].top_changed
    assert set(result.model[0].top_changed) < {v.name for v in bundle.read(folder).contract.golden.vectors}


def test_answer_that_is_not_a_number_counts_as_wrong(small_bundles, tmp_path):
    import shutil

    import numpy as np

    folder = shutil.copytree(small_bundles["float32"], tmp_path / "float32")
    nothing = base64.b64encode(np.full(4, np.nan, "<f4").tobytes()).decode()
    edit(folder, lambda record, vector: vector.update(output=nothing))
    result = verify.verify(folder, silent)
    assert not result.passed
    assert len(result.model[0].beyond) == result.vectors
    assert result.differs is not None
    assert result.differs.startswith("the model (built-in kernels) gives outputs that are not finite on ")
