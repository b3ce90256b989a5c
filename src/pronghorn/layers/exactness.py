"""How a layer has convolutions be plain sums of products: its own, and those of the layers that it calls."""

from __future__ import annotations

import contextlib

from pronghorn.engine.graph import exactness
from pronghorn.utils.arguments import shown


class ExactConvolutions:
    """The part of `Layer` that asks for exact convolutions."""

    _exact_convolutions = False
    _called: bool
    name: str

    @property
    def exact_convolutions(self) -> bool:
        """Whether each convolution in a call of this layer, and each of its gradients, is a plain sum of products.

        That holds for the layers that it calls, too; so a model's attribute is about all layers in it. False, as it is
        at first, leaves them to `pronghorn.config.set_exact_convolutions`, which says what is to be gained.
        Saved models and clones keep the attribute. It is no part of the configuration, and Keras passes over it when it
        loads such a model.

        Raises:
            TypeError: it is set to what is no bool.

        >>> from pronghorn import layers
        >>> conv = layers.Conv2D(64, 3)
        >>> conv.exact_convolutions = True
        >>> conv.exact_convolutions
        True
        """
        return self._exact_convolutions

    @exact_convolutions.setter
    def exact_convolutions(self, exact: bool) -> None:
        if not isinstance(exact, bool):
            raise TypeError(
                f"{type(self).__name__} {self.name!r}: exact_convolutions is {shown(exact)}; it must be True or False."
            )
        changed = exact != self._exact_convolutions
        self._exact_convolutions = exact
        if changed and self.__dict__.get("_called"):
            exactness.note_change()

    def _summing(self) -> contextlib.AbstractContextManager[None]:
        """What a call runs in that computes so."""
        return exactness.summing(exact=True)
