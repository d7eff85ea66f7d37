"""Can the classes be told apart without looking at the content?

Small models, cross-validated, that see only what should not matter: the shape of the pictures,
how their files were saved, bars and borders. Where one of these does well, so may the
classifier, and fail on the next pictures. Border pixels and the mixture of colours belong to
the content, too; they are shown beside the classifier's own score and raise no alarm. The
number of bytes is never used: it tells of the content.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.core import files, runs, stages
from pipeline.core.runs import Run
from pipeline.data.dataset import Picture, Table
from pipeline.data.fingerprints import LIBRARIES, Fingerprints
from pipeline.data.shares import groups_of
from pipeline.stats import metrics

# Points of balanced accuracy above chance, at the lower end of its interval, that are an alarm:
# of all classes, or of two of them. A mark on one class of five alone gives only 0.40 of all.
MARGIN = 0.20
# Pictures that are looked at, as evenly of the classes as they have them; more would cost time and
# tell no more. Of every class at least so many, from so many groups: learned from some, asked about others.
MOST = 2500
_LEAST, _LEAST_GROUPS = 10, 2
_FOLDS = 5
# Classes named in a sentence; more are read by nobody.
_TOLD = 6

# What each family is called, and what to do where it tells the classes apart. Those without
# advice raise no alarm.
FAMILIES = {
    "shape": (
        "width, height and shape",
        "crop all classes to one shape, or take pictures of all classes with the same camera",
    ),
    "quality": (
        "JPEG quality",
        "save the pictures of all classes once by the same program at one quality",
    ),
    "format": ("file format", "save the pictures of all classes in one format"),
    "bars": ("black bars", "cut the bars off the pictures of all classes"),
    "borders": (
        "borders of one colour",
        "crop the borders off, or take pictures of all classes before the same ground",
    ),
    "border_pixels": ("pixels along the sides", ""),
    "colours": ("mixture of colours", ""),
}


def make(run: Run, table: Table, looks: Fingerprints, seed: int) -> dict[str, Any]:
    """Writes shortcuts.json unless it is up to date; gives what it holds.

    Args:
        run: Where it is written.
        table: The pictures as training sees them.
        looks: The sketches of them all.
        seed: Of the folds and of the sample.
    """
    settings = {"seed": seed, "margin": MARGIN}
    recipe = stages.recipe("shortcuts", {"pictures": table.key}, settings, ("scikit-learn", *LIBRARIES))
    run.make(
        recipe,
        lambda: files.write_json(run.path(runs.SHORTCUTS), measure(table, looks, seed)),
    )
    return run.read_json(runs.SHORTCUTS)


def measure(table: Table, looks: Fingerprints, seed: int) -> dict[str, Any]:
    """How well each family of facts tells the classes apart; the keys are those of shortcuts.json."""
    group_of = groups_of(table)
    too_small = _too_small(table, group_of)
    labels = [label for label in table.labels if label not in too_small]
    chosen = _sample([p for p in table.pictures if p.label not in too_small], seed)
    chance = 1 / max(1, len(labels))
    document: dict[str, Any] = {"n": len(chosen), "chance": chance, "margin": MARGIN, "families": []}
    document["too_small"] = too_small
    if len(labels) < 2:
        document |= {"n": 0, "not_measured": _needs(too_small, "each of two classes or more")}
        return document
    truth = np.array([labels.index(picture.label) for picture in chosen])
    groups = np.unique([group_of[picture.path] for picture in chosen], return_inverse=True)[1]
    folds = _folds(truth, groups, seed)
    asked = np.sort(np.concatenate([test for _, test in folds])) if folds else np.zeros(0, int)
    if len(np.unique(truth[asked])) < 2:
        document |= {"n": 0, "not_measured": "groups hold so much that no class can be left to ask about"}
        return document
    contents = [picture.sha256 for picture in chosen]
    rows, views = looks.facts(contents), looks.views(contents, ("tiny", "histogram"))
    for name, seen in _seen(rows, views).items():
        predictions = _answer(seen, truth, folds, len(labels), seed, linear=seen.shape[1] > 32)[asked]
        score, interval = _scored(truth[asked], predictions.argmax(1), groups[asked])
        apart = told_apart(truth[asked], predictions, groups[asked])
        title, advice = FAMILIES[name]
        document["families"].append(
            {
                "name": name,
                "title": title,
                "balanced_accuracy": score,
                "interval": list(interval),
                "alarm": bool(advice) and (interval[0] > chance + MARGIN or bool(apart)),
                "told_apart": [
                    {
                        "classes": [labels[one], labels[other]],
                        "balanced_accuracy": found,
                        "lower_bound": low,
                    }
                    for one, other, found, low in apart
                ],
                "advice": advice,
                "by_class": _told(name, rows, truth, labels),
            }
        )
    return document


def alarms(document: dict[str, Any]) -> list[str]:
    """What a user must hear, a sentence for each alarm."""
    return [_sentence(row, document["chance"]) for row in document["families"] if row["alarm"]]


def limits(document: Mapping[str, Any]) -> str:
    """What the check did not look at, and why; empty where it looked at all classes."""
    if why := document.get("not_measured"):
        return f"not measured: {why}"
    if not (small := document.get("too_small", {})):
        return ""
    names = [
        f"{label} ({row['pictures']} pictures"
        + (", all one group)" if row["groups"] < _LEAST_GROUPS else ")")
        for label, row in small.items()
    ]
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return f"not measured for {', '.join(names[:_TOLD])}{more}: {_needs(small, 'a class')}"


def _needs(too_small: Mapping[str, Any], of: str) -> str:
    few_groups = any(row["pictures"] >= _LEAST for row in too_small.values())
    return f"needs {_LEAST} pictures of {of}" + (f", from {_LEAST_GROUPS} groups" if few_groups else "")


def _too_small(table: Table, group_of: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """The classes with too few pictures or groups to learn from some and to ask about others."""
    counts = Counter(picture.label for picture in table.pictures)
    groups = defaultdict(set)
    for picture in table.pictures:
        groups[picture.label].add(group_of[picture.path])
    return {
        label: {"pictures": counts[label], "groups": len(groups[label])}
        for label in table.labels
        if counts[label] < _LEAST or len(groups[label]) < _LEAST_GROUPS
    }


def _sentence(row: dict[str, Any], chance: float) -> str:
    typical = row["by_class"]
    if row["interval"][0] > chance + MARGIN:
        experiment, score = "the classes can be told apart", row["balanced_accuracy"]
    else:
        # A mark on some of many classes hardly moves the mean over all.
        first = row["told_apart"][0]
        experiment, score, chance = " and ".join(first["classes"]), first["balanced_accuracy"], 0.5
        more = len(row["told_apart"]) - 1
        experiment += f" (and {more} more {'pairs' if more > 1 else 'pair'} of classes)" if more else ""
        experiment += " can be told apart"
        typical = {label: typical[label] for label in first["classes"] if label in typical}
    told = ", ".join(f"{label} {words}" for label, words in list(typical.items())[:_TOLD])
    told += " and so on" if len(typical) > _TOLD else ""
    return (
        f"{experiment} by {row['title']} alone (balanced accuracy {score:.2f}, chance {chance:.2f}): "
        f"{told}. A classifier may learn that instead of the content; {row['advice']}"
    )


def balanced_accuracy_of(confusion: np.ndarray) -> np.ndarray:
    """The mean recall of the classes that occur; shape (..., classes, classes) → (...)."""
    right, own = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1)
    recall = np.divide(right, own, out=np.full(own.shape, np.nan), where=own > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample without any picture
        return np.nan_to_num(np.nanmean(recall, axis=-1))


def told_apart(
    truth: np.ndarray, predictions: np.ndarray, groups: np.ndarray | None = None
) -> list[tuple[int, int, float, float]]:
    """The pairs of classes that are told from each other clearly better than by chance.

    Args:
        truth: Labels, shape (n,).
        answers: Probabilities, shape (n, classes).
        groups: The group of each picture, shape (n,); without, each stands alone.

    Returns:
        The two classes, the balanced accuracy between them (an undecided answer counts half), and
        the lower end of its interval, which holds for all pairs together in 95% (Bonferroni); the
        clearest first. Only pairs whose lower end is above 1/2 + `MARGIN`.
    """
    classes = predictions.shape[1]
    ahead = np.full(
        (classes, classes), 0.5
    )  # the share of row's pictures that is taken for row, not for column
    for label in np.unique(truth):
        own = predictions[truth == label]
        ahead[label] = (1 + np.sign(own[:, [label]] - own)).mean(0) / 2
    sizes = _groups_of_classes(truth, np.arange(len(truth)) if groups is None else groups, classes)
    variances = _variances(ahead, sizes[:, None])
    one, other = np.triu_indices(classes, 1)
    score = (ahead[one, other] + ahead[other, one]) / 2
    spread = ((variances[one, other] + variances[other, one]) / 4) ** 0.5
    low = score - _reach(sizes[one] + sizes[other] - 2, max(1, len(one))) * spread
    clear = np.flatnonzero(low > 0.5 + MARGIN)
    clear = clear[np.argsort(-low[clear], kind="stable")]
    return [(int(one[at]), int(other[at]), float(score[at]), float(low[at])) for at in clear]


def _groups_of_classes(truth: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """How many groups each class has, shape (classes,)."""
    return np.bincount(np.unique(np.stack([truth, groups]), axis=1)[0], minlength=classes)


def _variances(shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Of shares of pictures, as if a group were one picture: on the safe side (Agresti and Coull 1998)."""
    shrunk = (shares * groups + 2) / (groups + 4)
    return shrunk * (1 - shrunk) / (groups + 4)


def _reach(freedom: np.ndarray, comparisons: int = 1) -> np.ndarray:
    """Half the width of a 95% interval in standard deviations, with few groups by Student's t."""
    from scipy import stats

    return stats.t.ppf(1 - 0.025 / comparisons, np.maximum(freedom, 1))


def score_of_classifier(run: Run) -> float:
    """The balanced accuracy of the run's out-of-fold answers.

    Raises:
        RunError: They are missing or damaged.
    """
    stored = run.read_arrays(runs.OUT_OF_FOLD)
    counts = metrics.confusion(
        stored["truth"], stored["probabilities"].argmax(1), stored["probabilities"].shape[1]
    )
    return float(balanced_accuracy_of(counts))


def _sample(pictures: Sequence[Picture], seed: int) -> list[Picture]:
    """At most `MOST` pictures, or `_LEAST` of every class; as evenly of the classes as they have them."""
    ranks: Counter[str] = Counter()
    dealt: list[tuple[int, int]] = []
    for at in np.random.default_rng(seed).permutation(len(pictures)).tolist():
        ranks[pictures[at].label] += 1
        dealt.append((ranks[pictures[at].label], at))
    most = max(MOST, _LEAST * len(ranks))
    return [pictures[at] for at in sorted(at for _, at in sorted(dealt)[:most])]


def _seen(rows: np.ndarray, views: np.ndarray) -> dict[str, np.ndarray]:
    """What the model of each family sees of the pictures, shape (n, numbers)."""
    width, height = rows["width"].astype(float), rows["height"].astype(float)
    _, formats = np.unique(rows["file_format"], return_inverse=True)
    ring = np.ones(views["tiny"].shape[1:3], bool)
    ring[1:-1, 1:-1] = False
    colours = rows["border_colour"].reshape(len(rows), -1)
    return {
        "shape": np.stack([width, height, np.log(width / height)], 1),
        "quality": rows["quality"].astype(float)[:, None],
        "format": np.eye(int(formats.max()) + 1)[formats],
        "bars": rows["bars"].astype(float),
        "borders": np.concatenate([rows["border"], colours / 255.0], 1),
        "border_pixels": views["tiny"][:, ring].reshape(len(rows), -1) / 255.0,
        "colours": np.sqrt(views["histogram"] / 255.0),
    }


def _answer(
    seen: np.ndarray,
    truth: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
    seed: int,
    *,
    linear: bool,
) -> np.ndarray:
    """Cross-validated probabilities of a small model, shape (n, classes)."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.tree import DecisionTreeClassifier

    if linear:
        model: Any = LinearDiscriminantAnalysis(
            solver="lsqr", shrinkage=0.1, priors=np.full(classes, 1 / classes)
        )
    else:
        model = DecisionTreeClassifier(
            max_depth=6, min_samples_leaf=5, class_weight="balanced", random_state=seed
        )
    predictions = np.zeros((len(truth), classes))
    for train, test in folds:
        model.fit(seen[train], truth[train])
        predictions[np.ix_(test, model.classes_)] = model.predict_proba(seen[test])
    return predictions


def _folds(truth: np.ndarray, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Indices to learn from and to answer, groups on one side; every class to learn from."""
    from sklearn.model_selection import StratifiedGroupKFold

    with warnings.catch_warnings():
        # One large group may be all that a fold has of a class.
        warnings.simplefilter("ignore", UserWarning)
        splitter = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
        folds = list(splitter.split(truth, truth, groups))
    classes = len(np.unique(truth))
    return [(train, test) for train, test in folds if len(test) and len(np.unique(truth[train])) == classes]


def _scored(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray
) -> tuple[float, tuple[float, float]]:
    """The balanced accuracy of answers, and its 95% interval."""
    classes = int(max(truth.max(), predicted.max())) + 1
    own = np.bincount(truth, minlength=classes)
    right = np.bincount(truth, weights=truth == predicted, minlength=classes)
    shown = own > 0
    recall, sizes = right[shown] / own[shown], _groups_of_classes(truth, groups, classes)[shown]
    score = float(recall.mean())
    spread = float(_variances(recall, sizes).sum()) ** 0.5 / len(recall)
    reach = float(_reach(sizes.sum() - len(sizes))) * spread
    return score, (max(0.0, score - reach), min(1.0, score + reach))


def _told(name: str, rows: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, str]:
    """What is typical of each class, in words; empty for families without a few plain numbers."""
    said = {label: _typical(name, rows[truth == index]) for index, label in enumerate(labels)}
    return {label: words for label, words in said.items() if words}


def _typical(name: str, own: np.ndarray) -> str:
    if name == "shape":
        return f"mostly {int(np.median(own['width']))}x{int(np.median(own['height']))}"
    if name == "quality":
        return f"mostly {int(np.median(own['quality']))}"
    if name == "format":
        kinds, counts = np.unique(own["file_format"], return_counts=True)
        return f"mostly {kinds[counts.argmax()].decode()}"
    if name in ("bars", "borders"):
        depths = own["bars" if name == "bars" else "border"].max(1)
        return f"{(depths > 0.01).mean():.0%} with them"
    return ""
