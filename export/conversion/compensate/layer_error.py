"""The error that int8 makes in a layer, before and after compensation. Loads without Keras."""

from __future__ import annotations

from pipeline.core.documents import Document


class LayerError(Document):
    """The error of one layer's output in int8, relative to its root mean square.

    In a simulation, on pictures that no kernel was fitted on.

    Attributes:
        name: Of the Keras layer.
        before: Converted as it is.
        after: Compensated.
    """

    name: str
    before: float
    after: float
