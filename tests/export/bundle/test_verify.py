"""Golden vectors replayed: equal, and each step wrong in turn."""

from __future__ import annotations

import base64
import json

import pytest

from export.bundle import bundle, verify
from pipeline.core import sections
from pipeline.core.errors import GateError
from pipeline.core.progress import silent
from tests.support import small_models


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
    assert built_in.equal == xnnpack.equal == result.vectors
    assert built_in.allowed == result.tolerance
    assert xnnpack.allowed == (0 if flavour == "int8" else result.tolerance)
    assert (result.contract_version, result.weaker) == (2, None)
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


def step(key: str):
    """A change of one golden output, of the vector `noise`, by one step."""

    def change(record, vector):
        if vector["name"] == "noise":
            raw = bytearray(base64.b64decode(vector[key]))
            raw[0] += 1 if raw[0] < 255 else -1
            vector[key] = base64.b64encode(raw).decode()

    return change


def test_one_step_of_an_integer_output_differs_on_xnnpack(int8_bundle):
    edit(int8_bundle, step("output_xnnpack"))
    result = verify.verify(int8_bundle)
    assert not result.passed
    assert [kernels.beyond for kernels in result.model] == [(), ("noise",)]
    assert result.model[1].equal == result.vectors - 1
    assert result.differs == (
        "the model (XNNPACK kernels) differs on 1 of 15 vectors (noise) "
        "by 0.0039 in probability; it must be equal"
    )


def test_one_step_on_the_built_in_kernels_may_be_another_processor(int8_bundle):
    edit(int8_bundle, step("output"))
    result = verify.verify(int8_bundle)
    assert result.passed
    assert result.model[0].equal == result.vectors - 1
    assert result.model[0].largest_difference == pytest.approx(1 / 256)


def test_more_than_the_tolerance_differs_on_the_built_in_kernels(int8_bundle):
    edit(int8_bundle, lambda record, vector: vector.update(output=base64.b64encode(b"\0\0\0\xff").decode()))
    result = verify.verify(int8_bundle)
    assert result.model[0].beyond
    assert result.model[1].passed
    assert result.differs is not None
    assert result.differs.endswith(f"in probability; {result.tolerance:.4f} is allowed")


def test_version_1_is_held_to_the_built_in_kernels_and_said_to_be_weaker(int8_bundle):
    path = int8_bundle / bundle.CONTRACT
    record = json.loads(path.read_text("utf-8"))
    small_models.to_version_1(record)
    path.write_text(json.dumps(record), "utf-8")
    result = verify.verify(int8_bundle)
    assert result.passed
    assert [kernels.allowed for kernels in result.model] == [0, result.tolerance]
    assert result.weaker == (
        f"{int8_bundle} has contract version 1, which is weaker: without XNNPACK's own outputs, it holds "
        "XNNPACK, which phones run, only to a tolerance. For equal bytes in int8, recreate the bundle: "
        "python -m export tflite"
    )
    edit(int8_bundle, step("output"))
    result = verify.verify(int8_bundle)
    assert [kernels.beyond for kernels in result.model] == [("noise",), ()]


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
