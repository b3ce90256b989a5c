"""Namespaces of Keras's that are only partly there, or not."""

import numpy as np
import pytest

from pronghorn import applications, callbacks, utils
from pronghorn._absent import instead_of


def test_what_is_not_there_says_what_to_use():
    assert "ModelCheckpoint" in instead_of(callbacks.OrbaxCheckpoint)
    with pytest.raises(NotImplementedError, match="OrbaxCheckpoint is not part of Pronghorn: .*ModelCheckpoint"):
        callbacks.OrbaxCheckpoint("a folder")


def test_a_family_is_a_module():
    import pronghorn.applications.resnet50 as resnet50
    from pronghorn.applications.mobilenet_v2 import preprocess_input

    assert applications.resnet50 is resnet50
    np.testing.assert_allclose(preprocess_input(np.full((1, 1, 3), 255.0)), 1.0)


RED = np.array([[[0.0, 100.0, 255.0]]], dtype="float32")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("caffe", [151.061, -16.779, -123.68]),
        ("tf", [-1.0, -0.21568626, 1.0]),
        ("torch", [-2.117904, -0.28501397, 2.64]),
    ],
)
def test_preprocess_input(mode, expected):
    prepare = applications.imagenet_utils.preprocess_input
    np.testing.assert_allclose(prepare(RED, mode=mode)[0, 0], expected, rtol=1e-5)
    first = prepare(np.moveaxis(RED, -1, 0), data_format="channels_first", mode=mode)
    np.testing.assert_allclose(first[:, 0, 0], expected, rtol=1e-5)
    assert prepare(RED.astype("uint8"), mode=mode).dtype == np.float32
    assert RED[0, 0].tolist() == [0.0, 100.0, 255.0]


def test_preprocess_input_refuses():
    with pytest.raises(ValueError, match="mode='x'"):
        applications.imagenet_utils.preprocess_input(RED, mode="x")
    with pytest.raises(ValueError, match=r"\(batch, 1000\)"):
        applications.imagenet_utils.decode_predictions(np.zeros((1, 10)))


def test_config_dict():
    settings = utils.Config(a=1, b=[2])
    settings.c = 3
    settings["d"] = 4
    assert settings.a == 1 and settings["c"] == 3 and "d" in settings and len(settings) == 4
    assert settings.as_dict() == {"a": 1, "b": [2], "c": 3, "d": 4} and list(settings) == ["a", "b", "c", "d"]
    assert settings.to_json() == '{"a": 1, "b": [2], "c": 3, "d": 4}'
    assert settings.pop("d") == 4 and settings.get("d", 0) == 0 and settings == utils.Config(a=1, b=[2], c=3)
    settings.freeze()
    with pytest.raises(ValueError, match="frozen"):
        settings.a = 2
    settings.unfreeze()
    del settings.a
    with pytest.raises(AttributeError, match="nearest: learning_rate"):
        _ = utils.Config(learning_rate=1).learning_rat
