"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.models.functional import Functional
from typing import Any

def MobileNetV2(input_shape: Any = None, alpha: Any = 1.0, include_top: Any = True, weights: Any = 'imagenet', input_tensor: Any = None, pooling: Any = None, classes: Any = 1000, classifier_activation: Any = 'softmax', name: Any = None) -> Functional:
    """Build MobileNetV2: depthwise convolutions between narrow ends that are added (Sandler et al. 2018, arXiv:1801.04381).

    Args:
        input_shape: shape of one image; with `include_top=False` its height and width may be None.
        alpha: the width: every layer has this share of its filters.
        include_top: whether the network ends with its classifier.
        weights: `"imagenet"` for what it learnt from ImageNet (downloaded), None for random ones, or a path.
        input_tensor: a symbolic tensor to use as the images.
        pooling: without the classifier: None gives feature maps, `"avg"` and `"max"` pool each of them to one number.
        classes: the number of classes; other than 1000 only without the weights of ImageNet's.
        classifier_activation: activation of the last layer; None gives logits.
        name: of the model.

    Returns:
        A functional model. It gives `(batch, classes)`, or `(batch, channels)` with `pooling`, or feature maps.

    Raises:
        ValueError: before anything is built, where the arguments do not go together.
        ConnectionError: where pretrained weights cannot be downloaded; it says where to put the file by hand.

    For two classes of one's own, with `weights="imagenet"` where they can be downloaded:

    >>> import pronghorn as keras
    >>> body = keras.applications.MobileNetV2(
    ...     weights=None, include_top=False, input_shape=(128, 128, 3), pooling="avg"
    ... )
    >>> body.trainable = False
    >>> keras.Sequential([body, keras.layers.Dense(2, activation="softmax")]).output_shape
    (None, 2)
    """
    ...

def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the likeliest classes of each prediction as (identifier, name, score).

    Args:
        preds: scores of shape `(batch, 1000)`.
        top: how many classes.

    Raises:
        ValueError: for another shape.
    """
    ...

def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Prepare images for these networks: from 0 to 255 to -1 to 1.

    Args:
        x: RGB images, 0 to 255, of three or four axes.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.

    Returns:
        An array or tensor like `x`.
    """
    ...
