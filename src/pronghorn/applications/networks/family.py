"""Networks of one paper as a table: what is asked for is checked, then built, then given its weights.

A family's module says how its layers follow from a row of numbers (`body`), how an image is classified in the end
(`head`), and which networks there are (`rows`). What Keras's functions have in common is here.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn import layers, models, utils
from pronghorn.applications import pretrained
from pronghorn.applications.networks import blocks
from pronghorn.engine.graph.user_code import warn
from pronghorn.symbolic.keras_tensor import KerasTensor

_COMMON: dict[str, Any] = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
}

_ARGUMENTS = {
    "include_top": "whether the network ends with its classifier.",
    "weights": '`"imagenet"` for what it learnt from ImageNet (downloaded), None for random ones, or a path.',
    "input_tensor": "a symbolic tensor to use as the images.",
    "input_shape": "shape of one image; with `include_top=False` its height and width may be None.",
    "pooling": 'without the classifier: None gives feature maps, `"avg"` and `"max"` pool each of them to one number.',
    "classes": "the number of classes; other than 1000 only without the weights of ImageNet's.",
    "classifier_activation": "activation of the last layer; None gives logits.",
    "include_preprocessing": "whether the first layers prepare images of 0 to 255; otherwise give what they would.",
    "alpha": "the width: every layer has this share of its filters.",
    "depth_multiplier": "how many filters each channel has in the depthwise convolutions.",
    "dropout": "the rate before the classifier.",
    "dropout_rate": "the rate before the classifier.",
    "minimalistic": "whether to leave out what small processors are slow at: squeeze-and-excite, hard-swish and 5x5.",
    "name": "of the model.",
}

_RAISES = """\
    Returns:
        A functional model. It gives `(batch, classes)`, or `(batch, channels)` with `pooling`, or feature maps.

    Raises:
        ValueError: before anything is built, where the arguments do not go together.
        ConnectionError: where pretrained weights cannot be downloaded; it says where to put the file by hand."""


_EXAMPLE = """
    For two classes of one's own, with `weights="imagenet"` where they can be downloaded:

    >>> import pronghorn as keras
    >>> body = keras.applications.{architecture}(
    ...     weights=None, include_top=False, input_shape=(128, 128, 3), pooling="avg"
    ... )
    >>> body.trainable = False
    >>> keras.Sequential([body, keras.layers.Dense(2, activation="softmax")]).output_shape
    (None, 2)
"""


@dataclass
class Asked:
    """What a call asks for.

    Attributes:
        architecture: the function's name.
        own: the arguments that only this family has.
    """

    architecture: str
    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def pretrained(self) -> bool:
        """Whether the weights are those learnt from ImageNet."""
        return isinstance(self.weights, str) and self.weights == "imagenet"

    def fail(self, message: str) -> ValueError:
        """Return an error that names the network."""
        return ValueError(f"{self.architecture}: {message}")


def classifier(x: Any, asked: Asked, dropout: float = 0.0, pool: str | None = "avg_pool", drop: str = "") -> Any:
    """The usual end: the mean of each feature map, and a dense layer over them."""
    x = layers.GlobalAveragePooling2D(name=pool)(x)
    if dropout > 0:
        x = layers.Dropout(dropout, name=drop)(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)


@dataclass(frozen=True)
class Family:
    """The networks of one paper.

    Attributes:
        about: what they are, and where that was published: a sentence of each function's documentation.
        body: from (images, row, what is asked) to feature maps.
        rows: name of a network to what `body` needs to know of it.
        head: from (feature maps, what is asked) to classes.
        arguments: the functions' arguments in Keras's order, apart from `name`; other than the common ones as
            `name: default` of `own`.
        size: the usual height and width of images, or a function of the row that gives it.
        least: the smallest.
        pools: names of the layers that `pooling` adds for `"avg"` and `"max"`.
        title: the models' default name, made from the function's.
        choose: looks at the family's own arguments, before anything is built: from (what is asked, height and width
            if they are the same) to the usual size and the key of the pretrained weights.
        sized: when images need a size: `"top"`, with the classifier; `"always"`, or `"never"`.
        ending: what follows the feature maps, or their pools, without the classifier.
        by_width: whether `input_shape` beside an `input_tensor` has to have its width.
    """

    about: str
    body: Callable[[Any, Any, Asked], Any]
    rows: Mapping[str, Any]
    head: Callable[[Any, Asked], Any] = classifier
    arguments: tuple[str, ...] = tuple(_COMMON)
    own: Mapping[str, Any] = field(default_factory=dict)
    size: int | Callable[[Any], int] = 224
    least: int = 32
    pools: tuple[str | None, str | None] = (None, None)
    title: Callable[[str], str | None] = str.lower
    choose: Callable[[Asked, int | None], tuple[int, str]] | None = None
    sized: str = "top"
    ending: Callable[[Any], Any] | None = None
    by_width: bool = False

    def functions(self) -> tuple[Callable[..., models.Functional], ...]:
        """Return the function of each row, as Keras calls it."""
        return tuple(self._function(name) for name in self.rows)

    def _function(self, architecture: str) -> Callable[..., models.Functional]:
        defaults = {**_COMMON, **self.own, "name": self.title(architecture)}
        signature = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=defaults[name])
                for name in (*self.arguments, "name")
            ],
            return_annotation=models.Functional,
        )

        def function(*args: Any, **kwargs: Any) -> models.Functional:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{architecture}: {error}; its arguments are {', '.join(defaults)}.") from None
            bound.apply_defaults()
            given = bound.arguments
            own = {name: given.pop(name) for name in self.own}
            return self._build(Asked(architecture, own=own, **given))

        function.__name__ = function.__qualname__ = architecture
        function.__module__ = "pronghorn.applications"  # where pickle finds it
        function.__signature__ = signature  # type: ignore[attr-defined]
        lines = [f"        {name}: {_ARGUMENTS[name]}" for name in (*self.arguments, "name")]
        function.__doc__ = "\n".join(
            [
                f"Build {architecture}: {self.about[0].lower()}{self.about[1:]}\n",
                "    Args:",
                *lines,
                "",
                _RAISES.rstrip(),
                _EXAMPLE.format(architecture=architecture),
            ]
        )
        return function

    def _build(self, asked: Asked) -> models.Functional:
        row = self.rows[asked.architecture]
        _check(asked)
        size = self.size(row) if callable(self.size) else self.size
        key = asked.architecture
        if self.choose is not None:
            size, key = self.choose(asked, _side(asked))
        shape = _image_shape(asked, size, self.least, self.sized)
        if self.by_width and asked.input_tensor is not None and asked.input_shape is not None:
            _check_width(asked, shape)
        weights = pretrained.find(key, asked.include_top) if asked.pretrained else asked.weights
        images = asked.input_tensor if asked.input_tensor is not None else layers.Input(shape)
        x = self.body(images, row, asked)
        x = self.head(x, asked) if asked.include_top else self._features(x, asked.pooling)
        sources = images if asked.input_tensor is None else utils.get_source_inputs(images)
        model = models.Functional(sources, x, name=asked.name)
        if weights is not None:
            _load(model, weights, asked)
        return model

    def _features(self, x: Any, pooling: str | None) -> Any:
        """The end without the classifier."""
        if pooling is not None:
            average = pooling == "avg"
            pool = layers.GlobalAveragePooling2D if average else layers.GlobalMaxPooling2D
            x = pool(name=self.pools[0 if average else 1])(x)
        return x if self.ending is None else self.ending(x)


def _load(model: models.Functional, weights: Any, asked: Asked) -> None:
    try:
        model.load_weights(weights)
    except ValueError as error:
        if not asked.pretrained:
            raise
        raise asked.fail(f"{error} Delete {weights}, and the next call downloads it again.") from None


def _check(asked: Asked) -> None:
    """Refuse what does not go together, before anything is built or downloaded."""
    weights, pooling, classes = asked.weights, asked.pooling, asked.classes
    if weights is not None and not asked.pretrained and not _is_file(weights):
        raise asked.fail(
            f"weights={weights!r} is neither None (random), nor 'imagenet' (pretrained), nor the path of a file "
            "that is there."
        )
    if pooling not in (None, "avg", "max"):
        raise asked.fail(f"pooling={pooling!r} is not known; it must be None, 'avg' or 'max'.")
    if asked.input_tensor is not None and not isinstance(asked.input_tensor, KerasTensor):
        raise asked.fail(
            f"input_tensor must be a symbolic tensor, such as Input((224, 224, 3)) gives; got "
            f"{type(asked.input_tensor).__name__}. For arrays, build the network and call it."
        )
    if not asked.include_top:
        return
    if isinstance(classes, bool) or not isinstance(classes, int | np.integer) or classes < 1:
        raise asked.fail(f"classes must be a positive number; got {classes!r}.")
    if asked.pretrained and classes != 1000:
        raise asked.fail(
            f"the weights of 'imagenet' classify into 1000 classes; got classes={classes}. Pass include_top=False and "
            "add a Dense layer of your own, or weights=None."
        )
    if asked.pretrained and getattr(asked.classifier_activation, "__name__", asked.classifier_activation) not in (
        None,
        "linear",
        "softmax",
    ):
        raise asked.fail(
            f"the classifier of 'imagenet' was trained with softmax; got classifier_activation="
            f"{asked.classifier_activation!r}. Pass 'softmax', None for logits, or weights=None."
        )


def _is_file(path: Any) -> bool:
    return isinstance(path, (str, os.PathLike)) and os.path.exists(path)


def _side(asked: Asked) -> int | None:
    """The height and width of the images that are asked for, if they are the same."""
    shape = asked.input_shape
    if shape is None or len(shape) != 3:
        return None
    height, width = shape[1:] if blocks.channels_first() else shape[:2]
    return height if height == width else None


def _check_width(asked: Asked, shape: tuple[int | None, ...]) -> None:
    """Check that the shape that is given is as wide as the tensor that is."""
    tensor: Any = asked.input_tensor
    if shape[2 if blocks.channels_first() else 1] != blocks.image_size(tensor)[1]:
        raise asked.fail(
            f"input_shape={shape} and input_tensor, of shape {tuple(tensor.shape)}, are not equally wide. Leave "
            "input_shape out: the tensor says it."
        )


def _image_shape(asked: Asked, size: int, least: int, when: str) -> tuple[int | None, ...]:
    """The shape of an image, from what is asked, checked."""
    first = blocks.channels_first()
    usual = (3, size, size) if first else (size, size, 3)
    shape = asked.input_shape
    sized = when == "always" or (when == "top" and asked.include_top)
    if shape is None:
        none = (3, None, None) if first else (None, None, 3)
        return usual if sized else none
    shape = tuple(shape)
    if len(shape) != 3:
        raise asked.fail(f"input_shape is the shape of one image, three numbers such as {usual}; got {shape}.")
    channel, height, width = shape if first else (shape[2], *shape[:2])
    if asked.pretrained and asked.include_top and when != "never" and shape != usual:
        raise asked.fail(
            f"with its classifier, the weights of 'imagenet' are for input_shape={usual}; got {shape}. Pass "
            "include_top=False for other sizes."
        )
    if asked.pretrained and channel != 3:
        raise asked.fail(f"the weights of 'imagenet' are for images of 3 channels; got input_shape={shape}.")
    if channel not in (1, 3):
        warn(f"{asked.architecture}: images have 1 or 3 channels, not the {channel} of input_shape={shape}.")
    if any(extent is not None and extent < least for extent in (height, width)):
        raise asked.fail(f"images must be at least {least}x{least}; got input_shape={shape}.")
    if sized and asked.include_top and None in (height, width):
        raise asked.fail(f"input_shape={shape} has no size; with include_top=True it needs one, such as {usual}.")
    return shape
