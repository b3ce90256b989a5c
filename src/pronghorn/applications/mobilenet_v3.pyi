"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.models.functional import Functional
from typing import Any

def MobileNetV3Large(input_shape: Any = None, alpha: Any = 1.0, minimalistic: Any = False, include_top: Any = True, weights: Any = 'imagenet', input_tensor: Any = None, classes: Any = 1000, pooling: Any = None, dropout_rate: Any = 0.2, classifier_activation: Any = 'softmax', include_preprocessing: Any = True, name: Any = 'MobileNetV3Large') -> Functional:
    """Build MobileNetV3Large: mobileNetV2's blocks with weighed channels and cheap activations (Howard et al. 2019, arXiv:1905.02244).

    Args:
        input_shape: shape of one image; with `include_top=False` its height and width may be None.
        alpha: the width: every layer has this share of its filters.
        minimalistic: whether to leave out what small processors are slow at: squeeze-and-excite, hard-swish and 5x5.
        include_top: whether the network ends with its classifier.
        weights: `"imagenet"` for what it learnt from ImageNet (downloaded), None for random ones, or a path.
        input_tensor: a symbolic tensor to use as the images.
        classes: the number of classes; other than 1000 only without the weights of ImageNet's.
        pooling: without the classifier: None gives feature maps, `"avg"` and `"max"` pool each of them to one number.
        dropout_rate: the rate before the classifier.
        classifier_activation: activation of the last layer; None gives logits.
        include_preprocessing: whether the first layers prepare images of 0 to 255; otherwise give what they would.
        name: of the model.

    Returns:
        A functional model. It gives `(batch, classes)`, or `(batch, channels)` with `pooling`, or feature maps.

    Raises:
        ValueError: before anything is built, where the arguments do not go together.
        ConnectionError: where pretrained weights cannot be downloaded; it says where to put the file by hand.

    For two classes of one's own, with `weights="imagenet"` where they can be downloaded:

    >>> import pronghorn as keras
    >>> body = keras.applications.MobileNetV3Large(
    ...     weights=None, include_top=False, input_shape=(128, 128, 3), pooling="avg"
    ... )
    >>> body.trainable = False
    >>> keras.Sequential([body, keras.layers.Dense(2, activation="softmax")]).output_shape
    (None, 2)
    """
    ...

def MobileNetV3Small(input_shape: Any = None, alpha: Any = 1.0, minimalistic: Any = False, include_top: Any = True, weights: Any = 'imagenet', input_tensor: Any = None, classes: Any = 1000, pooling: Any = None, dropout_rate: Any = 0.2, classifier_activation: Any = 'softmax', include_preprocessing: Any = True, name: Any = 'MobileNetV3Small') -> Functional:
    """Build MobileNetV3Small: mobileNetV2's blocks with weighed channels and cheap activations (Howard et al. 2019, arXiv:1905.02244).

    Args:
        input_shape: shape of one image; with `include_top=False` its height and width may be None.
        alpha: the width: every layer has this share of its filters.
        minimalistic: whether to leave out what small processors are slow at: squeeze-and-excite, hard-swish and 5x5.
        include_top: whether the network ends with its classifier.
        weights: `"imagenet"` for what it learnt from ImageNet (downloaded), None for random ones, or a path.
        input_tensor: a symbolic tensor to use as the images.
        classes: the number of classes; other than 1000 only without the weights of ImageNet's.
        pooling: without the classifier: None gives feature maps, `"avg"` and `"max"` pool each of them to one number.
        dropout_rate: the rate before the classifier.
        classifier_activation: activation of the last layer; None gives logits.
        include_preprocessing: whether the first layers prepare images of 0 to 255; otherwise give what they would.
        name: of the model.

    Returns:
        A functional model. It gives `(batch, classes)`, or `(batch, channels)` with `pooling`, or feature maps.

    Raises:
        ValueError: before anything is built, where the arguments do not go together.
        ConnectionError: where pretrained weights cannot be downloaded; it says where to put the file by hand.

    For two classes of one's own, with `weights="imagenet"` where they can be downloaded:

    >>> import pronghorn as keras
    >>> body = keras.applications.MobileNetV3Small(
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
    """Prepare images for these networks: nothing: its first layers do it.

    Args:
        x: RGB images, 0 to 255, of three or four axes.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.

    Returns:
        An array or tensor like `x`.
    """
    ...
