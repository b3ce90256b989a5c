"""The modules of `keras.applications`, made from a table: networks, and how their inputs are prepared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from pronghorn._lazy import attach
from pronghorn.applications import imagenet_utils

#: Module to (networks, preparation of the inputs; None for networks that prepare them in their first layers, and the
#: module of `pronghorn.applications.networks` that builds them).
FAMILIES: dict[str, tuple[str, str | None, str]] = {
    "convnext": ("ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge", None, "convnext"),
    "densenet": ("DenseNet121 DenseNet169 DenseNet201", "torch", "densenet"),
    "efficientnet": (" ".join(f"EfficientNetB{number}" for number in range(8)), None, "efficientnet"),
    "efficientnet_v2": (
        " ".join(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", *"LMS")),
        None,
        "efficientnet",
    ),
    "imagenet_utils": ("", "any", ""),
    "inception_resnet_v2": ("InceptionResNetV2", "tf", "inception"),
    "inception_v3": ("InceptionV3", "tf", "inception"),
    "mobilenet": ("MobileNet", "tf", "mobilenet"),
    "mobilenet_v2": ("MobileNetV2", "tf", "mobilenet"),
    "mobilenet_v3": ("MobileNetV3Large MobileNetV3Small", None, "mobilenet"),
    "nasnet": ("NASNetLarge NASNetMobile", "tf", "nasnet"),
    "resnet": ("ResNet101 ResNet152 ResNet50", "caffe", "resnet"),
    "resnet50": ("ResNet50", "caffe", "resnet"),
    "resnet_v2": ("ResNet101V2 ResNet152V2 ResNet50V2", "tf", "resnet"),
    "vgg16": ("VGG16", "caffe", "vgg"),
    "vgg19": ("VGG19", "caffe", "vgg"),
    "xception": ("Xception", "tf", "xception"),
}


#: Layers that only one network has, by module: files name them.
_LAYERS = {"convnext": "LayerScale", "inception_resnet_v2": "CustomScaleLayer"}


_MODES = {
    None: "nothing: its first layers do it",
    "caffe": "channels as blue, green, red, without ImageNet's means",
    "tf": "from 0 to 255 to -1 to 1",
    "torch": "from 0 to 255 to ImageNet's normal distribution",
}

_PREPARATION = """Prepare images for these networks: {what}.

    Args:
        x: RGB images, 0 to 255, of three or four axes.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.

    Returns:
        An array or tensor like `x`.
    """


def top_level_names() -> dict[str, str]:
    """Return the table of the networks for `pronghorn.applications` itself."""
    return {name: f".{family}" for family, (names, *_) in FAMILIES.items() for name in names.split()}


def _preparation(module_name: str, mode: str | None) -> Callable[..., Any]:
    def preprocess_input(x: Any, data_format: str | None = None) -> Any:
        return imagenet_utils.prepare(x, data_format=data_format, mode=mode)

    preprocess_input.__doc__ = _PREPARATION.format(what=_MODES[mode])
    preprocess_input.__module__ = module_name
    preprocess_input.__qualname__ = "preprocess_input"
    return preprocess_input


class _Family(Loader):
    """Of modules that are made here: importing one again leaves it as it is."""

    def exec_module(self, module: ModuleType) -> None:
        """Leave it."""


def _make(family: str, names: str, mode: str | None, builder: str) -> None:
    full_name = f"{__package__}.{family}"
    module = ModuleType(full_name, f"{names.replace(' ', ', ')}: the networks, and the preparation of their inputs.")
    module.preprocess_input = _preparation(full_name, mode)  # type: ignore[attr-defined]
    module.decode_predictions = imagenet_utils.decode_predictions  # type: ignore[attr-defined]
    module.__spec__ = ModuleSpec(full_name, _Family())
    sys.modules[full_name] = module
    table = dict.fromkeys(f"{names} {_LAYERS.get(family, '')}".split(), f"{__package__}.networks.{builder}")
    module.__all__ = sorted([*table, "decode_predictions", "preprocess_input"])  # type: ignore[attr-defined]
    attach(full_name, table)


for _family, (_names, _mode, _builder) in FAMILIES.items():
    if _mode != "any":
        _make(_family, _names, _mode, _builder)
