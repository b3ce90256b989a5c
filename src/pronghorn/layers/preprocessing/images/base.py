"""`ImageLayer`: the base of layers that change images, and with them labels, boxes and segmentation masks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pronghorn import config, ops, random, tree
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.preprocessing.data_layer import DataLayer
from pronghorn.layers.preprocessing.images.whole_calls import call_compiled
from pronghorn.random import SeedGenerator
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor

_NESTED = ("images", "labels", "bounding_boxes", "segmentation_masks")


class ImageLayer(DataLayer):
    """A change of images, the same for what belongs to them.

    Inputs are images, one ``[height, width, channels]`` or a batch of them, or a dict with ``"images"`` and any of
    ``"labels"``, ``"bounding_boxes"`` (a dict of ``"boxes"`` ``[n, 4]`` and ``"labels"`` ``[n]``) and
    ``"segmentation_masks"``. Images come out in the layer's compute type.

    A subclass draws its random numbers in `get_random_transformation` and uses them in the ``transform_`` methods,
    which get batches.

    Args:
        seed: makes the random numbers the same at every run.
        bounding_box_format: how boxes are written, as in `utils.bounding_boxes.convert_format`.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: those of `Layer`.
    """

    def __init__(
        self, seed: Any = None, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = config.standardize_data_format(data_format)
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channel_axis = (-2, -1, -3) if first else (-3, -2, -1)
        self.seed = seed
        self.generator = seed if isinstance(seed, SeedGenerator) else None
        if self._is_random:
            self.generator = self.generator or SeedGenerator(seed)
        self.built = True

    #: Whether the layer draws random numbers.
    _is_random = True

    #: What `transform_bounding_boxes` makes of boxes `[n, 4]`: those of ``"one"`` image again, or a ``"batch"`` of one;
    #: or it takes the array as it is, ``"rows"``. Keras's layers differ in this, and each is like Keras's.
    _lone_boxes = "one"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        wrappers = {
            "transform_images": _for_one_too,
            "transform_segmentation_masks": _for_one_too,
            "transform_bounding_boxes": _for_boxes_of_one_too,
        }
        for name, wrapper in wrappers.items():
            if name in cls.__dict__:
                setattr(cls, name, wrapper(cls.__dict__[name]))

    # -- what subclasses write --------------------------------------------------------------------------------------
    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """The random numbers for one call; None for no change."""
        return None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """The images ``[batch, ...]``, changed."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it changes images.")

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """The labels that belong to changed images."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """The boxes ``{"boxes": [batch, n, 4], "labels": [batch, n]}`` that belong to changed images.

        Subclasses get batches; callers may pass the boxes ``[n, 4]`` of one image (see `_lone_boxes`).
        """
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """The masks that belong to changed images."""
        return segmentation_masks

    # -- one image, in maps of data sets ----------------------------------------------------------------------------
    def transform_single_image(self, image: Any, transformation: Any, training: bool = True) -> Any:
        """One image ``[height, width, channels]``, changed."""
        return self._of_one(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Any, transformation: Any, training: bool = True) -> Any:
        """The label of one image that was changed."""
        return self._of_one(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(self, bounding_box: Any, transformation: Any, training: bool = True) -> Any:
        """The boxes ``{"boxes": [n, 4], "labels": [n]}`` of one image that was changed."""
        return self._of_one(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, training: bool = True
    ) -> Any:
        """The mask of one image that was changed."""
        return self._of_one(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def _of_one(self, transform: Any, sample: Any, transformation: Any, training: bool) -> Any:
        batch = tree.map_structure(lambda x: ops.expand_dims(ops.convert_to_tensor(x), axis=0), sample)
        found = transform(batch, transformation, training=training)
        return tree.map_structure(lambda x: ops.squeeze(x, axis=0), found)

    # -- the call ---------------------------------------------------------------------------------------------------
    def call(self, inputs: Any, training: bool = True) -> Any:
        changed = call_compiled(self, ImageLayer._change, inputs, training)
        return self._change(inputs, training) if changed is None else changed

    def _change(self, inputs: Any, training: bool) -> Any:
        nested = isinstance(inputs, dict)
        data = dict(inputs) if nested else {"images": inputs}
        self._check(data)
        data["images"] = self._taken(ops.convert_to_tensor(data["images"]))
        single = len(data["images"].shape) == 3
        if single:
            data = _map(data, lambda x: ops.expand_dims(ops.convert_to_tensor(x), axis=0))
        transformation = self.get_random_transformation(data if nested else data["images"], training=training)
        data["images"] = self.transform_images(data["images"], transformation, training=training)
        if nested:
            self._transform_others(data, transformation, training)
        if single:
            data = _map(data, lambda x: ops.squeeze(x, axis=0))
        return data if nested else data["images"]

    def _taken(self, images: Tensor) -> Tensor:
        """The images in the type in which they are changed."""
        return ops.cast(images, self.compute_dtype)

    def _transform_others(self, data: dict[str, Any], transformation: Any, training: bool) -> None:
        if "labels" in data:
            labels = ops.convert_to_tensor(data["labels"])
            data["labels"] = self.transform_labels(labels, transformation, training=training)
        if "bounding_boxes" in data:
            boxes = {k: ops.convert_to_tensor(v) for k, v in data["bounding_boxes"].items()}
            boxes["boxes"] = ops.cast(boxes["boxes"], self.compute_dtype)
            data["bounding_boxes"] = self.transform_bounding_boxes(boxes, transformation, training=training)
        if "segmentation_masks" in data:
            masks = ops.convert_to_tensor(data["segmentation_masks"])
            data["segmentation_masks"] = self.transform_segmentation_masks(masks, transformation, training=training)

    def _check(self, data: dict[str, Any]) -> None:
        if "images" not in data:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): a dict of inputs needs the key 'images'; got the keys "
                f"{sorted(data)}. Known keys are {', '.join(_NESTED)}."
            )
        shape = tuple(ops.shape(data["images"]))
        if len(shape) not in (3, 4):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): images must be of shape (height, width, channels), or a "
                f"batch of such, got shape {shape}. For grayscale images, add an axis of extent 1: images[..., None]."
            )
        if "bounding_boxes" in data:
            self._require_box_format()
            missing = [k for k in ("boxes", "labels") if k not in data["bounding_boxes"]]
            if missing:
                raise ValueError(
                    f"Layer {self.name!r} ({type(self).__name__}): 'bounding_boxes' must be a dict with 'boxes' and "
                    f"'labels'; {missing} is missing."
                )

    def _require_box_format(self) -> None:
        if self.bounding_box_format is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): `bounding_box_format` must be given to the layer for "
                "inputs with bounding boxes, for instance bounding_box_format='xyxy'."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool = True) -> Any:
        if isinstance(inputs, dict):
            return infer_spec(self._run_call, (inputs,), {"training": training})
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    # -- helpers ----------------------------------------------------------------------------------------------------
    def _image_shape(self, data: Any) -> tuple[Any, Any, Any, Any]:
        """Batch, height, width and channels of images, or of the images in a dict; the batch of one image is 1."""
        images = data["images"] if isinstance(data, dict) else data
        shape = tuple(ops.shape(images))
        batch = shape[0] if len(shape) == 4 else 1
        return batch, shape[self.height_axis], shape[self.width_axis], shape[self.channel_axis]

    def _seed(self, seed: Any) -> Any:
        """The source of random numbers: what the caller gave, else the layer's own."""
        return self.generator if seed is None else seed

    def _uniform(self, shape: Any, low: float, high: float, seed: Any = None) -> Tensor:
        """Random float32 numbers from ``low`` to ``high``."""
        return random.uniform(tuple(shape), minval=low, maxval=high, dtype="float32", seed=self._seed(seed))

    def _chosen(self, batch: Any, probability: tuple[float, float], seed: Any = None) -> Tensor:
        """Which images of a batch to change, ``bool[batch]``, with a probability drawn from a range for each."""
        limit = self._uniform((batch,), *probability, seed)
        return self._uniform((batch,), 0.0, 1.0, seed) < limit

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["data_format"] = self.data_format
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        if self._is_random:
            config["seed"] = self.seed
        return config


def _for_one_too(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that changes a batch of images, for one image too."""

    @functools.wraps(method)
    def wrapped(self: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        if len(ops.shape(images)) != 3:
            return method(self, images, *args, **kwargs)
        changed = method(self, ops.expand_dims(ops.convert_to_tensor(images), axis=0), *args, **kwargs)
        return ops.squeeze(changed, axis=0)

    return wrapped


def _for_boxes_of_one_too(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that changes the boxes of a batch of images, for those of one image too."""

    @functools.wraps(method)
    def wrapped(self: Any, bounding_boxes: Any, *args: Any, **kwargs: Any) -> Any:
        if len(ops.shape(bounding_boxes["boxes"])) != 2 or self._lone_boxes == "rows":
            return method(self, bounding_boxes, *args, **kwargs)
        batch = {k: ops.expand_dims(ops.convert_to_tensor(v), 0) for k, v in bounding_boxes.items()}
        changed = method(self, batch, *args, **kwargs)
        return changed if self._lone_boxes == "batch" else {k: ops.squeeze(v, 0) for k, v in changed.items()}

    return wrapped


def per_image(values: Any, ndim: int = 4) -> Tensor:
    """One value for each image, ``[batch]``, to compute with arrays of ``ndim`` axes."""
    values = ops.convert_to_tensor(values)
    return ops.reshape(values, (values.shape[0], *(1,) * (ndim - 1)))


def _map(data: dict[str, Any], function: Any) -> dict[str, Any]:
    """Apply a function to all arrays of nested inputs that belong to images."""

    def apply(key: str, value: Any) -> Any:
        if key not in _NESTED:
            return value
        return {k: function(v) for k, v in value.items()} if isinstance(value, dict) else function(value)

    return {k: apply(k, v) for k, v in data.items()}
