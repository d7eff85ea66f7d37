"""Wilson's interval for a share, with every picture independent.

`intervals` widens it for grouped pictures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.stats.metrics import Interval, Z


def interval(right: int, n: int) -> Interval:
    """Wilson's interval for `right` of n trials; (0, 1) for n = 0."""
    if not n:
        return Interval(0.0, 1.0)
    low, high = bounds(right / n, n, Z)
    return Interval(float(low), float(high))


def bounds(share: Any, n: Any, quantile: Any) -> np.ndarray:
    """Wilson's bounds for shares of n trials, n not necessarily an integer; (0, 1) for n = 0.

    Args:
        share: The share of successes, any shape.
        n: The number of trials.
        quantile: For the confidence level, e.g. 1.96.

    Returns:
        The lower and the upper bound, shape (2, ...).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        widened = 1 + quantile**2 / np.asarray(n, float)
        middle = (share + (widened - 1) / 2) / widened
        reach = np.sqrt((widened - 1) * (share * (1 - share) + (widened - 1) / 4)) / widened
    limits = np.stack([np.minimum(middle - reach, share), np.maximum(middle + reach, share)])
    whole_range = np.stack([np.zeros(np.shape(middle)), np.ones(np.shape(middle))])
    return np.clip(np.where(np.asarray(n) > 0, limits, whole_range), 0, 1)
