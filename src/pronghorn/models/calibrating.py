"""`Model.quantize` by modes that look at data: block by block, with what the blocks before give."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn._wording import shown
from pronghorn.layers.layer import Layer
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.requests import check
from pronghorn.models.filters import is_meant
from pronghorn.quantizers.calibrated import CalibratedConfig
from pronghorn.quantizers.calibration import samples

_KEYS = ("pre_block_layers", "sequential_blocks")


def calibrate_layers(model: Any, config: CalibratedConfig, filters: Any, type_check: bool) -> tuple[set[int], set[int]]:
    """Quantize the layers in the blocks of a model's structure.

    What a block's layers are given is gathered in one pass, with the blocks before quantized; then they are quantized,
    and what the block gives goes on to the next. A layer that is in several blocks is quantized with the first.

    Args:
        model: a built model.
        config: the configuration.
        filters: which layers; see `Model.quantize`.
        type_check: whether subclasses of layers are left out.

    Returns:
        The identities of the layers that were quantized, and of all in the blocks that could be.

    Raises:
        ValueError: before anything is changed, for no structure, blocks without layers that can be quantized, or data
            that are none; with the blocks before quantized, if what is seen in a block does not suffice.
    """
    before, blocks = _structure(model, config)
    inside = {id(layer) for block in blocks for layer in _layers_in(block, config.mode)}
    if not inside:
        raise ValueError(
            f"quantize: by {config.mode} the layers Dense and EinsumDense are quantized, but there is none in the "
            f"sequential_blocks {', '.join(block.name for block in blocks)}."
        )
    plan: list[tuple[Any, list[Any]]] = []
    for block in blocks:
        planned = {id(layer) for _, layers in plan for layer in layers}
        meant = _meant(block, config.mode, filters, type_check)
        plan.append((block, [layer for layer in meant if id(layer) not in planned]))
    pieces, count = samples(config), config.calibration_batch_size
    batches = [np.concatenate(pieces[start : start + count]) for start in range(0, len(pieces), count)]
    values = [_through(before, batch) for batch in batches]
    for block, layers in plan:
        gathered = _gathered(layers, block, values, config)
        for layer, found in [(layer, layer._few_bits(seen, config)) for layer, seen in gathered]:
            layer.quantize(config.mode, config=config, type_check=type_check)
            layer._settle(found)
        values = [block(value) for value in values]
    return {id(layer) for _, layers in plan for layer in layers}, inside


def _structure(model: Any, config: CalibratedConfig) -> tuple[list[Any], list[Any]]:
    given = config.quantization_layer_structure
    structure = model.get_quantization_layer_structure(config.mode) if given is None else given
    if structure is None:
        raise ValueError(
            f"quantize: by {config.mode} a model is quantized block by block, so a quantization structure has to say "
            "which blocks: pass quantization_layer_structure={'pre_block_layers': [...], 'sequential_blocks': [...]}"
            f" to {type(config).__name__}, or return it from the model's get_quantization_layer_structure()."
        )
    if not isinstance(structure, dict) or not structure.keys() <= set(_KEYS):
        raise ValueError(
            f"quantize: quantization_layer_structure is a dict with the keys {_KEYS[0]} and {_KEYS[1]}, got "
            f"{shown(structure)}."
        )
    before, blocks = (structure.get(key) or [] for key in _KEYS)
    for key, value in zip(_KEYS, (before, blocks)):
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"quantize: {key} of quantization_layer_structure is a list of layers, got {shown(value)} of type "
                f"{type(value).__name__}. Put a single layer into a list."
            )
    strange = [layer for layer in (*before, *blocks) if not isinstance(layer, Layer)]
    if strange or not blocks:
        what = f"{shown(strange[0])} is no layer" if strange else "there are no sequential_blocks"
        raise ValueError(
            f"quantize: quantization_layer_structure has lists of layers, those before the blocks and the blocks, but "
            f"{what}."
        )
    return list(before), list(blocks)


def _layers_in(block: Any, mode: str) -> list[Any]:
    layers = [layer for layer in block._flatten_layers() if isinstance(layer, QuantizableProduct)]
    return [layer for layer in layers if mode in layer._quantization_modes]


def _meant(block: Any, mode: str, filters: Any, type_check: bool) -> list[Any]:
    """The layers of a block that are to be quantized, checked."""
    layers = [layer for layer in _layers_in(block, mode) if is_meant(layer, filters) and not layer._is_quantized]
    layers = [layer for layer in layers if not (type_check and layer._is_of_a_subclass())]
    for layer in layers:
        check(layer, mode)
        if not np.isfinite(ops.convert_to_numpy(layer.kernel)).all():
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}): its kernel has NaN or infinite numbers, which cannot "
                "be quantized. Load or train weights that are finite."
            )
    return layers


def _through(layers: list[Any], value: Any) -> Any:
    return functools.reduce(lambda x, layer: layer(x), layers, ops.convert_to_tensor(value))


def _gathered(layers: list[Any], block: Any, values: list[Any], config: Any) -> list[tuple[Any, Any]]:
    """Each layer with what was seen of its inputs when a block was called on values."""
    gathered = [(layer, config.statistics()) for layer in layers]
    with contextlib.ExitStack() as stack:
        for layer, seen in gathered:
            stack.enter_context(_watched(layer, seen))
        for value in values if layers else ():
            block(value)
    return gathered


@contextlib.contextmanager
def _watched(layer: Any, seen: Any) -> Iterator[None]:
    """While it lasts, what a layer is called on is taken account of."""
    call, rows = layer.call, layer._rows_to_watch()

    @functools.wraps(call)
    def watching(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if rows is not None:
            seen.update(_finite(layer, np.asarray(ops.convert_to_numpy(rows(inputs)), np.float32)))
        return call(inputs, *args, **kwargs)

    layer.call = watching
    try:
        yield
    finally:
        del layer.call


def _finite(layer: Any, rows: np.ndarray) -> np.ndarray:
    if not np.isfinite(rows).all():
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) got NaN or infinite inputs for the data set, by which it "
            "cannot be quantized. Look at the weights of the layers before it, and at the data."
        )
    return rows
