"""What the model learned: the folds, the scores, the classes, and what is taken for what."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from export import artifacts
from export.report.artifacts import Artifacts
from pipeline.core import runs

# Pictures shown for a cell of the confusion matrix: all mistakes as a rule, some of what is right.
_RIGHT, _WRONG = 12, 24


def learned(found: Artifacts) -> dict[str, Any]:
    """The part of the page, as far as there is something to say."""
    evaluation, folds = found.get(runs.EVALUATION), found.get(runs.FOLDS)
    return {
        "scores": _scores(found),
        "folds": folds and list(enumerate(folds["fold_accuracy"], 1)),
        "mean": folds and float(np.mean(folds["fold_accuracy"])),
        "chosen_epoch": folds and folds["chosen_epoch"],
        "epoch_was_chosen": folds and folds["epoch_was_chosen"],
        "classes": evaluation["held_out"]["classes"] if evaluation else [],
        "confusion": evaluation and _confusion(evaluation),
        "search": _search(found),
        "missing": found.lacks(runs.FOLDS, runs.TRAINING, runs.EVALUATION),
    }


def cells(found: Artifacts) -> list[dict[str, Any]]:
    """The pictures behind every cell of the confusion matrix that is not empty."""
    evaluation, predictions = found.get(runs.EVALUATION), found.predictions()
    if not evaluation or predictions is None:
        return []
    by_content: dict[str, list[str]] = defaultdict(list)
    for row in found.rows:
        if row["side"] == "held_out":
            by_content[row["sha256"]].append(row["path"])
    members: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    predicted = predictions["probabilities"].argmax(1)
    for place, content in enumerate(predictions["sha256"].tolist()):
        paths = by_content.get(content) or [""]
        path = paths.pop(0) if len(paths) > 1 else paths[0]
        score = float(predictions["probabilities"][place].max())
        members[int(predictions["truth"][place]), int(predicted[place])].append(
            {"path": path, "score": score}
        )
    labels = evaluation["labels"]
    shown = []
    for (row, column), pictures in sorted(members.items()):
        pictures.sort(key=lambda one: -one["score"])
        most = _RIGHT if row == column else _WRONG
        # Of the right ones the least sure say most.
        kept = pictures[::-1][:most] if row == column else pictures[:most]
        shown.append(
            {
                "id": f"cell-{row}-{column}",
                "truth": labels[row],
                "answer": labels[column],
                "right": row == column,
                "count": len(pictures),
                "pictures": kept,
            }
        )
    return shown


def _scores(found: Artifacts) -> list[dict[str, Any]]:
    evaluation = found.get(runs.EVALUATION)
    if not evaluation:
        folds = found.get(runs.FOLDS)
        return (
            [{"title": "out-of-fold", "n": folds["n"], "accuracy": folds["accuracy"], "leads": True}]
            if folds
            else []
        )
    rows = [{"title": "training pictures", **evaluation["train"], "leads": False}]
    rows.append({"title": "out-of-fold", **evaluation["out_of_fold"], "leads": True})
    # What has a copy in training says nothing about new pictures.
    clean, held_out = evaluation.get("without_leaked"), evaluation["held_out"]
    if clean and clean.get("accuracy") is not None:
        rows.append({"title": "held out, without copies of training pictures", **clean, "leads": True})
    title = "held out, copies of training pictures included" if clean else "held out"
    rows.append({"title": title, **held_out, "leads": not clean})
    field = (found.get(artifacts.PHOTOS) or {}).get("field")
    if field:
        rows.append({"title": "photos from the field", **field, "leads": True})
    return rows


def _confusion(evaluation: dict[str, Any]) -> dict[str, Any]:
    counts = evaluation["held_out"]["confusion"]
    return {
        "labels": evaluation["labels"],
        "n": evaluation["held_out"]["n"],
        "rows": [
            {
                "label": label,
                "n": sum(row),
                "cells": [
                    {"count": count, "share": count / max(sum(row), 1), "id": f"cell-{at}-{column}"}
                    for column, count in enumerate(row)
                ],
            }
            for at, (label, row) in enumerate(zip(evaluation["labels"], counts, strict=True))
        ],
    }


def _search(found: Artifacts) -> list[dict[str, Any]]:
    searched = found.config is None or bool(found.config.search)
    rows = (found.get(runs.SEARCH) or {}).get("rows") or [] if searched else []
    return [
        {**row, "settings": ", ".join(f"{key} = {value}" for key, value in row["values"].items())}
        for row in rows[:30]
    ]
