"""`keras.applications`: the layers that Keras builds, and the files that it writes, with the same predictions."""

import json

import applications_oracle as oracle
import pytest

import pronghorn

CASES = oracle.cases()
FACTS = json.loads(oracle.TABLE.read_text(encoding="utf-8"))

#: One of each family, the smaller ones; the others are compared by `python applications_oracle.py files NAME`.
SMALL = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "DenseNet121", "ResNet50"),
    *("ResNet50V2", "NASNetMobile", "Xception", "InceptionV3", "ConvNeXtTiny"),
)


@pytest.mark.mostly_slow(every=12)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_structure(case):
    assert oracle.facts(oracle.build(pronghorn, case)) == FACTS[case.title]


def test_the_table_has_every_network():
    assert {case.title for case in CASES} == set(FACTS)
    names = {name for name in dir(pronghorn.applications) if name[0].isupper()}
    assert names == set(oracle.NETWORKS)


@pytest.mark.slow
@pytest.mark.parametrize("network", SMALL)
def test_files_and_predictions(network):
    pytest.importorskip("keras")
    found = oracle.compare_files(network)
    assert set(found) == {"weights.h5", "legacy h5", "legacy h5 by name", "head kept"}
    assert max(found.values()) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("network", ["MobileNetV2", "NASNetMobile", "EfficientNetB0"])
def test_odd_sizes(network):
    pytest.importorskip("keras")
    assert max(oracle.compare_files(network, input_shape=(45, 51, 3)).values()) < 1e-4
