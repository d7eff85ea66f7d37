"""The model card in Markdown: the sections of Mitchell et al., Model Cards for Model Reporting, 2019.

Its front matter is for model hubs. What a program cannot know, such as who may be harmed, is left for
the publisher to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from export import artifacts
from export.report import data_section, learned, model_section, repeat, verdict
from export.report.artifacts import Artifacts
from export.report.model_section import ModelSection
from pipeline.core import stages
from pipeline.evaluation.evaluate import TrainScore
from pipeline.stats.metrics import MOST_CLASSES
from pipeline.training.results import Folds

_ASK = "*To be written by whoever publishes the model:"


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in one line: no markup of its own or of HTML."""
    line = re.sub(r"\s+", " ", str(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_{}\[\]|~$#])", r"\\\1", line)
    # What would begin a list at the head of a line.
    return re.sub(r"^(\d*)([-+.)])(?=\s|$)", r"\1\\\2", line)


def card(contents: Artifacts) -> str:
    """The whole card."""
    summary, file = verdict.verdict(contents), model_section.shipped(contents)
    data, facts, gaps = data_section.data(contents), repeat.repeat(contents), data_section.gaps(contents)
    target = contents.target()
    calibrated = (
        "; the first file failed the gate on them, which led to other calibration pictures"
        if target is not None and target.second_look
        else ", nor the calibration"
    )
    decided = file.given or file.folds
    threshold = decided and decided.threshold
    given = file.given is not None
    made = (
        "A Keras model that was not trained here, exported to .tflite with Vignette."
        if given
        else "Made with Vignette: a classifier on a pretrained backbone, exported to .tflite."
    )
    unused = (
        "not the calibration, not the threshold"
        if given
        else (f"not the settings, the epochs, the temperature or the threshold{calibrated}")
    )
    parts = [
        "---\nlibrary_name: tflite\npipeline_tag: image-classification\n---",
        f"# Model card: {escaped(contents.run.name)}",
        f"**{escaped(summary.title)}.** " + " ".join(escaped(sentence) for sentence in summary.sentences),
        "## Model details",
        _list([f"{title}: {text}" for title, text in facts.model.items()]),
        _list(
            [
                made,
                _classes(contents.labels),
                f"Versions: {', '.join(f'{name} {version}' for name, version in facts.versions.items())}",
            ]
        ),
        "## Intended use",
        _list(
            [
                "Classifying pictures into the classes above, on an Android phone, offline.",
                (
                    "Not for other subjects: such a picture also gets one of these labels, unless its score "
                    f"is below {_number(threshold)}, where the app says “I don't know”."
                ),
            ]
        ),
        f"{_ASK} intended users, and uses to avoid.*",
        "## Factors",
        (
            "Results may depend on class, light, camera, distance, background, and similarity to the "
            "training pictures. Results by class are below."
        ),
        "## Metrics",
        (
            "Accuracy, coverage, F1 of each class and macro F1, and agreement of the exported file with the "
            "Keras model. Intervals are 95% and account for groups of pictures."
        ),
        "## Evaluation data",
        (
            f"{data.held_out:,} held-out pictures, used for no decision: {unused}."
            + " Whether the model was trained on some of them is not known here." * given
        ),
        "## Training data",
        *([f"{_ASK} what the model was trained on.*", "## Calibration data"] if given else []),
        f"{data.train:,} pictures. {data.excluded_count:,} excluded.",
        _table(
            ["class", "calibration" if given else "training", "held out"],
            [[row.label, f"{row.train:,}", f"{row.held_out:,}"] for row in data.smallest],
        ),
        f"The {len(data.smallest)} smallest of {len(data.classes):,} classes."
        if len(data.smallest) < len(data.classes)
        else "",
        _list(
            [f"{issue.title}: {issue.count}" for issue in data.audit.image_issues]
            or ["The audit found no issues."]
            if data.audit
            else ["The pictures were not audited."]
        ),
        "## Quantitative analyses",
        *_analyses(contents, file),
        "## Ethical considerations",
        (
            f"{_ASK} whether the pictures show people, whether they consented, and who could be harmed by a "
            "wrong answer. Pretrained backbones carry the biases of ImageNet.*"
        ),
        "## Caveats and recommendations",
        _list([*data.alarms, *gaps.sentences, *gaps.improve]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _classes(labels: Sequence[str]) -> str:
    more = len(labels) - MOST_CLASSES
    rest = f" and {more:,} more, which labels.txt beside each file lists" if more > 0 else ""
    return f"Classes, in the order of the output: {', '.join(labels[:MOST_CLASSES])}{rest}"


def _analyses(contents: Artifacts, file: ModelSection) -> list[str]:
    known = learned.learned(contents)
    parts = []
    if known.scores:
        rows = [
            [
                row.title,
                f"{row.of.n:,}",
                _number(row.of.accuracy),
                _interval(None if isinstance(row.of, TrainScore | Folds) else row.of.accuracy_interval),
            ]
            for row in known.scores
        ]
        parts.append(_table(["pictures", "n", "accuracy", "95%"], rows))
    if known.evaluation:
        rows = [[row.label, str(row.n), _number(row.f1), _interval(row.f1_interval)] for row in known.classes]
        parts.append(_table(["class", "n", "F1", "95%"], rows))
        total = len(known.evaluation.labels)
        parts += [f"The {len(rows)} weakest of {total:,} classes."] if len(rows) < total else []
    if file.targets:
        rows = [
            [
                row.target.model,
                f"{row.target.size_bytes / 1e6:.2f}",
                _number(row.accuracy),
                _number(row.coverage),
                _number(row.target.agreement),
                row.verdict,
            ]
            for row in file.targets
        ]
        leaked = f" (accuracy excludes the {file.leaked:,} with copies in training)" if file.leaked else ""
        parts.append(f"Files against the Keras model, n = {file.n:,}{leaked}:")
        parts.append(_table(["file", "MB", "accuracy", "coverage", "agreement", "verdict"], rows))
    lacking = contents.lacks(stages.EVALUATION, artifacts.PARITY)
    parts += [f"Missing: {escaped(row.what)}; run `{row.command}`." for row in lacking]
    return parts


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _interval(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)
