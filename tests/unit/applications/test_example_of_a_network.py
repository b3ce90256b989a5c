"""The example in each network's documentation, of some of them."""

import doctest

import pytest

from pronghorn import applications


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "DenseNet121", "ResNet50", "Xception"]
)
def test_the_example_runs(name):
    function = getattr(applications, name)
    found = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, 0)
    assert len(found.examples) == 4
    assert doctest.DocTestRunner().run(found).failed == 0
