"""Layers that choose among other changes of images at random: RandAugment and AugMix."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops, random
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import ImageArguments
from pronghorn.layers.preprocessing.images.arguments import factor_range
from pronghorn.layers.preprocessing.images.arguments import value_range as checked_range
from pronghorn.layers.preprocessing.images.base import ImageLayer
from pronghorn.layers.preprocessing.images.color import RandomColorDegeneration
from pronghorn.layers.preprocessing.images.histogram import Equalization
from pronghorn.layers.preprocessing.images.light import (
    AutoContrast,
    RandomBrightness,
    RandomContrast,
    RandomPosterization,
    Solarization,
)
from pronghorn.layers.preprocessing.images.moving import RandomRotation, RandomShear, RandomTranslation
from pronghorn.layers.preprocessing.images.sharpness import RandomSharpness
from pronghorn.random.seed_generator import draw_seed


class _Policy(ImageLayer):
    """A layer that owns all the changes it may choose, in the order of `_layer_names`."""

    _layer_names: tuple[str, ...] = ()

    def __init__(
        self, value_range: Any, factor: Any, interpolation: str, seed: Any, data_format: Any, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = checked_range(self, value_range)
        self.factor = factor_range(self, "factor", factor, (0, 1))
        names = ("nearest", "bilinear")
        self.interpolation = settings.one_of(interpolation, names, type(self).__name__, "interpolation")
        self._make_layers(**kwargs)

    def _make_layers(self, **kwargs: Any) -> None:
        low, high = self.factor
        shared = {
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
            "bounding_box_format": self.bounding_box_format,
        }
        valued = {**shared, "value_range": self.value_range}
        seeded = {"seed": self.generator}
        moved = {**shared, **seeded, "interpolation": self.interpolation}
        self.random_shear = RandomShear(self.factor, self.factor, **moved)
        self.random_translation = RandomTranslation(self.factor, self.factor, **moved)
        self.random_rotation = RandomRotation(high, **moved)
        self.random_brightness = RandomBrightness(self.factor, **valued, **seeded)
        self.random_color_degeneration = RandomColorDegeneration(self.factor, **valued, **seeded)
        self.random_contrast = RandomContrast(self.factor, **valued, **seeded)
        self.random_sharpness = RandomSharpness(self.factor, **valued, **seeded)
        self.solarization = Solarization(self.factor, self.factor, **valued, **seeded)
        # The stronger the policy, the fewer bits.
        bits = max(1, round(8 * (1 - high)))
        self.random_posterization = RandomPosterization((bits, max(bits, round(8 * (1 - low)))), **valued, **seeded)
        self.auto_contrast = AutoContrast(**valued)
        self.equalization = Equalization(**valued)

    @property
    def _choices(self) -> list[ImageLayer]:
        return [getattr(self, name) for name in self._layer_names]

    def _transforms(self, data: Any, seed: Any) -> dict[str, Any]:
        """Random numbers for each of the changes."""
        return {
            name: layer.get_random_transformation(data, training=True, seed=seed)
            for name, layer in zip(self._layer_names, self._choices)
        }

    def _apply(self, index: Any, images: Any, transforms: dict[str, Any], method: str = "transform_images") -> Any:
        """Apply the change of a number; nothing for the number after the last one."""
        branches = [
            lambda x, layer=layer, name=name: getattr(layer, method)(x, transforms[name], training=True)
            for name, layer in zip(self._layer_names, self._choices)
        ]
        return ops.switch(index, [*branches, lambda x: x], images)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "factor": self.factor,
            "interpolation": self.interpolation,
        }


class RandAugment(_Policy):
    """Applies a few changes, chosen at random among eleven, while training (Cubuk et al. 2019).

    Args:
        value_range: the lowest and highest value of a pixel.
        num_ops: how many changes, one after the other.
        factor: how strong they are, from 0 to 1: a range to draw from, or one number ``f`` for ``(0, f)``.
        interpolation: ``"bilinear"`` or ``"nearest"``, for changes that move pixels.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> RandAugment(value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _layer_names = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = num_ops
        if not 0 <= num_ops <= len(self._layer_names):
            raise ValueError(
                f"RandAugment: num_ops must be from 0 to {len(self._layer_names)}, the number of changes there are. "
                f"Received: num_ops={num_ops}."
            )

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        order = ops.argsort(self._uniform((len(self._layer_names),), 0.0, 1.0, seed))
        return {"transforms": self._transforms(data, seed), "layer_idxes": order[: self.num_ops]}

    def _all(self, x: Any, transformation: Any, method: str) -> Any:
        if not self.num_ops:
            return x

        def change(x: Any, index: Any) -> tuple[Any, None]:
            return self._apply(index, x, transformation["transforms"], method), None

        return ops.scan(change, x, transformation["layer_idxes"])[0]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        return self._all(images, transformation, "transform_images")

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._all(segmentation_masks, transformation, "transform_segmentation_masks")

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        if not training or transformation is None:
            return bounding_boxes
        boxes = {**bounding_boxes, "boxes": ops.cast(bounding_boxes["boxes"], self.compute_dtype)}
        return self._all(boxes, transformation, "transform_bounding_boxes")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_ops": self.num_ops}


class AugMix(_Policy):
    """Mixes images with several chains of random changes of them, while training (Hendrycks et al. 2020).

    Args:
        value_range: the lowest and highest value of a pixel.
        num_chains: how many chains of changes.
        chain_depth: how many changes a chain has at most.
        factor: how strong they are, from 0 to 1: a range to draw from, or one number ``f`` for ``(0, f)``.
        alpha: the parameter of the distributions from which the weights of chains and of the image itself are drawn.
        all_ops: whether brightness, contrast, sharpness and color may change too.
        interpolation: ``"bilinear"`` or ``"nearest"``, for changes that move pixels.
        seed: makes the random numbers the same at every run.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one if None.
        kwargs: ``bounding_box_format`` and those of `Layer`.

    Raises:
        ValueError: for arguments that do not fit.

    Example:

    >>> AugMix(value_range=(0, 1))(ops.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _geometry = ("random_shear", "random_translation", "random_rotation")
    _light = ("solarization", "random_posterization", "auto_contrast", "equalization")
    _more = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: Any = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageArguments],
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = settings.positive(num_chains, "AugMix", "num_chains")
        self.chain_depth = settings.positive(chain_depth, "AugMix", "chain_depth")
        if alpha <= 0:
            raise ValueError(f"AugMix: The `alpha` argument should be positive. Received: alpha={alpha}.")
        self.alpha, self.all_ops = alpha, all_ops

    @property
    def _layer_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self._geometry, *self._light, *(self._more if self.all_ops else ()))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        source = self._seed(seed)
        weights = random.gamma((self.num_chains,), self.alpha, dtype="float32", seed=source)
        return {
            "chain_mixing_weights": weights / ops.maximum(ops.sum(weights), 1e-7),
            "weight_sample": random.beta((), self.alpha, self.alpha, dtype="float32", seed=source),
            "chain_changes": ops.stack([self._chosen_changes(seed) for _ in range(self.num_chains)]),
            "chain_seed": draw_seed(source),
        }

    def _chosen_changes(self, seed: Any) -> Tensor:
        """Which change at each link of a chain, ``int32[chain_depth]``; links at the end may be empty."""
        count = len(self._layer_names)
        depth = random.randint((), 1, self.chain_depth + 1, dtype="int32", seed=self._seed(seed))
        chosen = random.randint((self.chain_depth,), 0, count, dtype="int32", seed=self._seed(seed))
        return ops.where(ops.arange(self.chain_depth, dtype="int32") < depth, chosen, count)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        mixed = self._mixture(images, transformation)
        share = ops.cast(transformation["weight_sample"], images.dtype)
        return ops.clip(images * (1 - share) + mixed * share, *self.value_range)

    def _mixture(self, images: Tensor, transformation: Any) -> Tensor:
        """What the chains make of the images, weighed.

        A loop over the chains, and in it one over the links, so that a compiled program has each change once; links
        draw their numbers where they are, for the same reason.
        """
        seed = transformation["chain_seed"]

        def chain(mixed: Any, step: tuple[Any, Any, Any]) -> tuple[Any, None]:
            weight, changes, numbers = step

            def link(x: Any, step: tuple[Any, Any]) -> tuple[Any, None]:
                change, number = step
                return self._apply(change, x, self._transforms(x, _Seeds(seed, number))), None

            return mixed + weight * ops.scan(link, images, (changes, numbers))[0], None

        weights = ops.cast(transformation["chain_mixing_weights"], images.dtype)
        numbers = ops.reshape(
            ops.arange(self.num_chains * self.chain_depth, dtype="uint32"), (self.num_chains, self.chain_depth)
        )
        steps = (weights, transformation["chain_changes"], numbers)
        return ops.scan(chain, ops.zeros_like(images), steps)[0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }


class _Seeds:
    """Seeds that follow from one seed and a number, for the steps of a loop, where a `SeedGenerator` cannot move on.

    Args:
        seed: ``uint32[2]``.
        number: ``uint32[]``, the loop's step.
    """

    # Odd and large, so that neither steps nor draws come near the seeds of other calls, which are one apart.
    _STEP, _DRAW = 0x9E3779B9, 0x85EBCA6B

    def __init__(self, seed: Tensor, number: Tensor) -> None:
        step = (number + 1) * np.array([self._STEP, 0], "uint32")
        self.state = seed + step
        self._draws = 0

    def next(self, ordered: bool = True) -> Tensor:
        """The next seed."""
        self._draws += 1
        return self.state + np.array([0, self._DRAW * self._draws & 0xFFFFFFFF], "uint32")
