"""The modules of `keras.applications`, made from a table: networks, and how their inputs are prepared."""

from __future__ import annotations

import functools
import sys
from types import ModuleType

from pronghorn._absent import absent_function
from pronghorn.applications import imagenet_utils

_INSTEAD = "pretrained networks are not there; build the network from layers, or load a file that Keras saved"

#: Module to (networks, preparation of the inputs; None for networks that prepare them in their first layers).
FAMILIES: dict[str, tuple[str, str | None]] = {
    "convnext": ("ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge", None),
    "densenet": ("DenseNet121 DenseNet169 DenseNet201", "torch"),
    "efficientnet": (" ".join(f"EfficientNetB{number}" for number in range(8)), None),
    "efficientnet_v2": (" ".join(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", *"LMS")), None),
    "imagenet_utils": ("", "any"),
    "inception_resnet_v2": ("InceptionResNetV2", "tf"),
    "inception_v3": ("InceptionV3", "tf"),
    "mobilenet": ("MobileNet", "tf"),
    "mobilenet_v2": ("MobileNetV2", "tf"),
    "mobilenet_v3": ("MobileNetV3Large MobileNetV3Small", None),
    "nasnet": ("NASNetLarge NASNetMobile", "tf"),
    "resnet": ("ResNet101 ResNet152 ResNet50", "caffe"),
    "resnet50": ("ResNet50", "caffe"),
    "resnet_v2": ("ResNet101V2 ResNet152V2 ResNet50V2", "tf"),
    "vgg16": ("VGG16", "caffe"),
    "vgg19": ("VGG19", "caffe"),
    "xception": ("Xception", "tf"),
}


def top_level_names() -> dict[str, str]:
    """Return the table of the networks for `pronghorn.applications` itself."""
    return {name: f".{family}" for family, (names, _) in FAMILIES.items() for name in names.split()}


def _make(family: str, names: str, mode: str | None) -> None:
    full_name = f"{__package__}.{family}"
    module = ModuleType(full_name, f"The input preparation of {names or 'ImageNet networks'}.")
    for name in names.split():
        setattr(module, name, absent_function(name, _INSTEAD))
    prepare = functools.partial(imagenet_utils.prepare, mode=mode)
    module.preprocess_input = functools.update_wrapper(  # type: ignore[attr-defined]
        lambda x, data_format=None: prepare(x, data_format=data_format), imagenet_utils.preprocess_input
    )
    module.decode_predictions = imagenet_utils.decode_predictions  # type: ignore[attr-defined]
    sys.modules[full_name] = module


for _family, (_names, _mode) in FAMILIES.items():
    if _mode != "any":
        _make(_family, _names, _mode)
