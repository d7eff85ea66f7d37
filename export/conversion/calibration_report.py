"""What the representative dataset was, and whether it stands for the pictures that come.

Written beside the int8 file as calibration.json: which pictures and why, the shares of the classes,
the input range that they cover, what is cut off in each layer, and how other training pictures
differ. Which pictures are chosen is decided in `calibration`; held-out ones are never looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from export import artifacts
from export.conversion import calibration
from export.conversion.layers import Inside, Layer
from pipeline.core import files, parallel, stages
from pipeline.core.progress import ProgressReporter
from pipeline.core.recipes import Recipe
from pipeline.data import dataset
from pipeline.data.dataset import Picture
from pipeline.training import features
from pipeline.training.experiment import Experiment

OTHERS = 200
INSIDE = 16
# The share of a layer's numbers that may be cut off without a word.
MUCH_CUT = 0.001
_BANDS = ("brightness", "contrast", "colourfulness")
# Three quantities are looked at: 1 in 20 that any of them differs by chance.
_BY_CHANCE = 2.39


def audit(experiment: Experiment, data: bytes, made: Recipe, reporter: ProgressReporter) -> dict[str, Any]:
    """Audits the representative dataset in force; writes and gives calibration.json.

    Args:
        subject: The run.
        data: The int8 file that was calibrated.
        made: What the file was made from.
        listener: Hears how far it is.
    """
    run = experiment.run
    chosen = calibration.choose(experiment)
    recipe = stages.recipe(
        "calibration",
        {"export": made.key},
        {"look": calibration.look(experiment)},
        ("ai-edge-litert", "numpy", "pillow"),
    )

    def build() -> None:
        taken = {picture.path for picture in chosen}
        rest = [picture for picture in experiment.split.train if picture.path not in taken]
        others = calibration.stratified(rest, OTHERS, experiment.config.seed) if rest else []
        dataset.check_unchanged(experiment.table, [*chosen, *others])
        total = len(chosen) + len(others)

        def look(number: int, picture: Picture) -> tuple[np.ndarray | None, dict[str, Any]]:
            frame = features.plain_view(experiment.table.file(picture), experiment.frame)
            return (frame if number < INSIDE else None), _facts(frame)

        numbered = [*enumerate(chosen), *enumerate(others)]
        seen = []
        for row in parallel.ordered(lambda pair: look(*pair), numbered):
            seen.append(row)
            reporter.progress("auditing the calibration", len(seen), total)
        own, other = seen[: len(chosen)], seen[len(chosen) :]
        redone = calibration.recalibrated(experiment)
        found = {
            "source": "training pictures, by class share; a black and a white frame come first",
            "second_look": calibration.look(experiment) == 2,
            "recalibration": redone and {key: redone[key] for key in ("judges", "candidates", "chosen")},
            "wanted": experiment.config.export.calibration_pictures,
            "pictures": _pictures(experiment, chosen),
            "classes": _classes(experiment, chosen),
            "input": _covered([facts for _, facts in own]),
            "empty": [
                {"path": picture.path, "why": facts["empty"]}
                for picture, (_, facts) in zip(chosen, own, strict=True)
                if facts["empty"]
            ],
            "saturation": _saturation(
                data, *([f for f, _ in part if f is not None] for part in (own, other))
            ),
            "drift": _drift([facts for _, facts in own], [facts for _, facts in other]),
        }
        files.write_json(run.path(artifacts.CALIBRATION), {**found, "words": sentences(found)})

    run.make(recipe, build)
    return run.read_json(artifacts.CALIBRATION)


def sentences(found: dict[str, Any]) -> list[str]:
    """The audit in words; the keys are those of calibration.json."""
    n = len(found["pictures"])
    said = [f"The integer ranges were measured on {n} training pictures, a black frame and a white one."]
    if found.get("recalibration"):
        said.append(f"They were taken after the gate's no: {calibration.tried(found['recalibration'])}.")
    furthest = max(found["classes"], key=lambda row: abs(row["share"] - row["training_share"]))
    gap = abs(furthest["share"] - furthest["training_share"])
    said.append(
        "Every class has its share of the training pictures"
        + (f"; {furthest['label']} is furthest from it, by {100 * gap:.1f} points." if gap > 0.01 else ".")
    )
    levels = min(found["input"]["levels"])
    said.append(
        "They show all 256 levels of every colour."
        if levels == 256
        else f"They show {levels} of the 256 levels of the least varied colour; the black and the white "
        "frame add the ends, so that raw pixels go in as they are."
    )
    if found["empty"]:
        said.append(f"{len(found['empty'])} of them are of one colour or noise and add nothing.")
    cut = [row for row in found["saturation"]["layers"] if row["more"] > MUCH_CUT]
    if not found["saturation"]["n_other"]:
        said.append("All training pictures were used, so that nothing is left to judge the ranges by.")
    elif cut:
        worst = max(cut, key=lambda row: row["more"])
        said.append(
            f"On other training pictures {len(cut)} of {len(found['saturation']['layers'])} layers cut off "
            f"over {MUCH_CUT:.1%} more of their numbers than on these, {worst['layer']} most "
            f"({worst['more']:.2%}): more calibration pictures may help."
        )
    else:
        said.append(
            f"On other training pictures no layer cuts off over {MUCH_CUT:.1%} more of its numbers than "
            "on these."
        )
    drifted = [row for row in found["drift"]["quantities"] if row["beyond_chance"]]
    for row in drifted:
        way = "more" if row["difference"] > 0 else "less"
        said.append(
            f"Their {row['name']} is {way} than that of other training pictures by "
            f"{abs(row['difference']):.2f} standard deviations; chance explains {row['by_chance']:.2f}."
        )
    if found["drift"]["n_other"] and not drifted:
        said.append("In brightness, contrast and colour they are like the other training pictures.")
    return said


def _pictures(experiment: Experiment, chosen: Sequence[Picture]) -> list[dict[str, str]]:
    redone = calibration.recalibrated(experiment)
    reason = redone["chosen"] if redone else "drawn by the seed within its class"
    return [{"path": p.path, "label": p.label, "sha256": p.sha256, "reason": reason} for p in chosen]


def _classes(experiment: Experiment, chosen: Sequence[Picture]) -> list[dict[str, Any]]:
    training = Counter(picture.label for picture in experiment.split.train)
    own = Counter(picture.label for picture in chosen)
    return [
        {
            "label": label,
            "n": own[label],
            "share": own[label] / len(chosen),
            "training_share": training[label] / training.total(),
        }
        for label in experiment.labels
    ]


def _facts(frame: np.ndarray) -> dict[str, Any]:
    """What is kept of a frame: what it looks like, and which levels it has."""
    pixels = frame.reshape(-1, 3).astype(np.float32)
    grey = pixels.mean(1)
    return {
        "empty": calibration.emptiness(frame),
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "colourfulness": float(np.ptp(pixels, axis=1).mean()),
        "levels": np.stack([np.bincount(frame[..., c].ravel(), minlength=256) > 0 for c in range(3)]),
    }


def _covered(own: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The levels that the pictures show, by channel; the extreme frames aside."""
    seen = np.any([facts["levels"] for facts in own], axis=0)
    return {
        "lowest": [int(np.flatnonzero(channel)[0]) for channel in seen],
        "highest": [int(np.flatnonzero(channel)[-1]) for channel in seen],
        "levels": [int(channel.sum()) for channel in seen],
    }


def _saturation(data: bytes, own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> dict[str, Any]:
    """The share of each layer's numbers that stand at an end of its range.

    Some belong there, such as white pixels; where other pictures have more of them than the
    calibration pictures, the rest was cut off.
    """
    inside = Inside(data)
    sums: dict[str, list[list[int]]] = {}
    shown: dict[str, tuple[Layer, list[float]]] = {}
    for part, frames in enumerate((own, other)):
        for frame in frames:
            for layer, numbers in inside.run(frame):
                if not layer.scale or numbers.dtype != np.int8:
                    continue
                low, high = (float(layer.scale * (end - layer.zero_point)) for end in (-128, 127))
                shown[layer.tensor] = (layer, [low, high])
                # An activation's own end (0, and 6 in ReLU6) is no cut.
                cut = (low != 0) * np.count_nonzero(numbers == -128)
                cut += (abs(high - 6) > layer.scale) * np.count_nonzero(numbers == 127)
                counts = sums.setdefault(layer.tensor, [[0, 0], [0, 0]])[part]
                counts[0] += int(cut)
                counts[1] += numbers.size
    rows = []
    for tensor, (layer, ends) in shown.items():
        shares = [cut / size if size else 0.0 for cut, size in sums[tensor]]
        ours, theirs = shares
        rows.append(
            {
                "layer": layer.name,
                "range": ends,
                "at_end_calibration": ours,
                "at_end_other": theirs,
                "more": max(0.0, theirs - ours),
            }
        )
    return {"n_calibration": len(own), "n_other": len(other), "layers": rows}


def _drift(own: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the calibration pictures differ from others, in standard deviations of those."""
    rows = []
    for name in _BANDS if other else ():
        one, two = (np.array([facts[name] for facts in part]) for part in (own, other))
        spread = float(two.std()) or 1.0
        difference = float(one.mean() - two.mean()) / spread
        by_chance = _BY_CHANCE * float(np.sqrt(1 / len(one) + 1 / len(two)))
        rows.append(
            {
                "name": name,
                "calibration": float(one.mean()),
                "other": float(two.mean()),
                "difference": difference,
                "by_chance": by_chance,
                "beyond_chance": abs(difference) > by_chance,
            }
        )
    return {"n_calibration": len(own), "n_other": len(other), "quantities": rows}
