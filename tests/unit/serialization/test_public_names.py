"""Which class a configuration names."""

import pytest

from pronghorn import _lazy, initializers, layers
from pronghorn.serialization import public_names


@pytest.mark.parametrize(
    ("module", "name", "found"),
    [
        (None, "Dense", layers.Dense),
        (None, "VarianceScaling", None),  # of a class alone, it is a layer
        ("keras.initializers", "VarianceScaling", initializers.VarianceScaling),
        ("keras.src.layers.core.dense", "Dense", layers.Dense),
        ("keras.layers", "Nothing", None),
    ],
)
def test_classes_are_found_without_a_look_for_the_nearest_names(module, name, found, monkeypatch):
    assert public_names.find_class(module, name) is found  # imports what it takes
    monkeypatch.setattr(_lazy, "nearest", lambda *arguments: pytest.fail("a slow search for a message nobody reads"))
    assert public_names.find_class(module, name) is found
    if found is not None:
        assert public_names.module_of(found).startswith("keras.")
