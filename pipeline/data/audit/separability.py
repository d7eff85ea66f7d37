"""How well small models tell classes apart: cross-validated, with intervals that respect groups."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.data.shares import keys_of, share_out
from pipeline.stats import metrics

# How far balanced accuracy must exceed chance, at the lower end of its interval, to raise an alarm:
# over all classes, or between two. A mark on one class of five gives only 0.40 over all.
MARGIN = 0.20
_PAIRS = 100  # that are told apart, by name
_FOLDS = 5
_SHRINKAGE = 0.1  # of the spread within classes, towards a sphere


def cross_validate(
    inputs: np.ndarray,
    truth: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: int,
    seed: int,
    *,
    linear: bool,
) -> np.ndarray:
    """Cross-validated probabilities of a small model.

    Args:
        inputs: What the model sees, shape (n, numbers).
        truth: Labels, shape (n,).
        folds: As `folds` makes them.
        classes: How many there are.
        seed: Of the tree.
        linear: A linear discriminant analysis instead of a tree.

    Returns:
        Shape (n, classes); zeros for pictures that no fold tests.
    """
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=5, class_weight="balanced", random_state=seed)
    predictions = np.zeros((len(truth), classes))
    for train, test in folds:
        if linear:
            predictions[test] = _discriminate(inputs[train], truth[train], inputs[test], classes)
        else:
            tree.fit(inputs[train], truth[train])
            predictions[np.ix_(test, tree.classes_)] = tree.predict_proba(inputs[test])
    return predictions


def _discriminate(inputs: np.ndarray, truth: np.ndarray, tested: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities by a linear discriminant analysis in which every class weighs the same.

    As scikit-learn's, whose time grows with the number of classes.
    """
    from scipy import special

    counts, numbers = np.bincount(truth, minlength=classes), inputs.shape[1]
    means = np.stack([inputs[rows].mean(0) for rows in metrics.rows_by_class(truth, classes)])
    away = (inputs - means[truth]) / np.sqrt(classes * counts[truth])[:, None]
    spread = away.T @ away
    spread += _SHRINKAGE * (np.trace(spread) / numbers * np.eye(numbers) - spread)
    slopes = np.linalg.lstsq(spread, means.T, rcond=None)[0]
    return special.softmax(tested @ slopes - (means.T * slopes).sum(0) / 2, axis=1)


def folds(truth: np.ndarray, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test indices; groups are never divided, and every class is in training."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups.tolist(), truth.tolist(), strict=True):
        counts[str(group)][str(label)] += 1
    shares = {str(fold): 1 / _FOLDS for fold in range(_FOLDS)}
    dealt = dict(zip(counts, share_out([*counts.values()], keys_of(counts, seed), shares, {}), strict=True))
    fold = np.array([int(dealt[str(group)]) for group in groups])
    splits = [(np.flatnonzero(fold != part), np.flatnonzero(fold == part)) for part in range(_FOLDS)]
    classes = len(np.unique(truth))
    return [(train, test) for train, test in splits if len(test) and len(np.unique(truth[train])) == classes]


def score(truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The balanced accuracy of predictions, and its 95% interval."""
    classes = int(max(truth.max(), predicted.max())) + 1
    own = np.bincount(truth, minlength=classes)
    right = np.bincount(truth, weights=truth == predicted, minlength=classes)
    present = own > 0
    recall, sizes = right[present] / own[present], _groups_of_classes(truth, groups, classes)[present]
    mean = float(recall.mean())
    spread = float(_variances(recall, sizes).sum()) ** 0.5 / len(recall)
    reach = float(_reach(sizes.sum() - len(sizes))) * spread
    return mean, (max(0.0, mean - reach), min(1.0, mean + reach))


def balanced_accuracy_of(confusion: np.ndarray) -> np.ndarray:
    """The mean recall of the classes that occur, shape (..., classes, classes) → (...)."""
    right, own = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1)
    recall = np.divide(right, own, out=np.full(own.shape, np.nan), where=own > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no picture at all
        return np.nan_to_num(np.nanmean(recall, axis=-1))


def told_apart(
    truth: np.ndarray, predictions: np.ndarray, groups: np.ndarray | None = None
) -> tuple[list[tuple[int, int, float, float]], int]:
    """The pairs of classes that can be told apart clearly better than by chance.

    Args:
        truth: Labels, shape (n,).
        predictions: Probabilities, shape (n, classes).
        groups: The group of each picture, shape (n,); by default each is its own.

    Returns:
        The two classes, the balanced accuracy between them (a tie counts half), and the lower end of
        its interval, which holds for all pairs together in 95% (Bonferroni); the clearest first. Only
        pairs whose lower end is above 1/2 + `MARGIN`, and only the first of very many; then how many
        there are.
    """
    classes = predictions.shape[1]
    # The share of row's pictures that are predicted as row rather than column.
    ahead = np.full((classes, classes), 0.5)
    for label, rows in enumerate(metrics.rows_by_class(truth, classes)):
        if not len(rows):
            continue
        own = predictions[rows]
        ahead[label] = (1 + np.sign(own[:, [label]] - own)).mean(0) / 2
    sizes = _groups_of_classes(truth, np.arange(len(truth)) if groups is None else groups, classes)
    variances = _variances(ahead, sizes[:, None])
    one, other = np.triu_indices(classes, 1)
    accuracy = (ahead[one, other] + ahead[other, one]) / 2
    spread = ((variances[one, other] + variances[other, one]) / 4) ** 0.5
    low = accuracy - _reach(sizes[one] + sizes[other] - 2, max(1, len(one))) * spread
    clear = np.flatnonzero(low > 0.5 + MARGIN)
    first = clear[np.argsort(-low[clear], kind="stable")][:_PAIRS]
    pairs = [(int(one[at]), int(other[at]), float(accuracy[at]), float(low[at])) for at in first]
    return pairs, len(clear)


def _groups_of_classes(truth: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """How many groups each class has, shape (classes,)."""
    return np.bincount(np.unique(np.stack([truth, groups]), axis=1)[0], minlength=classes)


def _variances(shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Of shares of pictures, counting a group as one picture (Agresti and Coull 1998)."""
    shrunk = (shares * groups + 2) / (groups + 4)
    return shrunk * (1 - shrunk) / (groups + 4)


def _reach(freedom: np.ndarray, comparisons: int = 1) -> np.ndarray:
    """Half the width of a 95% interval in standard deviations, by Student's t for few groups."""
    from scipy import stats

    return stats.t.ppf(1 - 0.025 / comparisons, np.maximum(freedom, 1))
