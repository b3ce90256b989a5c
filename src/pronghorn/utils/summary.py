"""`model.summary()`: the table of a model's layers, as Keras 3 prints it."""

from __future__ import annotations

import io as _stdio
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pronghorn._wording import counted
from pronghorn.utils import io

# Where each column ends, as a fraction of the line.
_CHAIN_POSITIONS = (0.45, 0.80, 1.0)
_GRAPH_POSITIONS = (0.30, 0.56, 0.74, 1.0)
_CHAIN_LENGTH, _GRAPH_LENGTH, _TRAINABLE_LENGTH = 88, 108, 12
# The share of the line that the other columns keep where "Trainable" is added.
_WITHOUT_TRAINABLE = 0.9

_CLASS, _NUMBER, _NONE = "color(33)", "color(34)", "color(45)"
_YES, _NO = "bold color(34)", "bold color(9)"


@dataclass
class _Row:
    layer: Any
    depth: int


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print the table of a model's layers with their output shapes and numbers of parameters.

    Args:
        model: the model.
        line_length: width of the table; by default what the terminal and the columns suggest.
        positions: where each column ends, as fractions of the line or as columns.
        print_fn: called with the whole text instead of printing it.
        expand_nested: whether models inside the model show their layers.
        show_trainable: whether a column says which layers are trained.
        layer_range: two layer names, or patterns of names: the first and the last layer shown.

    Raises:
        ValueError: if `layer_range` names no layer of the model.

    Example:

    >>> from pronghorn import layers, models
    >>> lines = []
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> print_summary(model, print_fn=lines.append)
    >>> "Total params: 8" in "".join(lines)
    True
    """
    is_chain = _is_chain(model)
    console = _console(capture=True, plain=print_fn is not None)
    wanted = (_CHAIN_LENGTH if is_chain else _GRAPH_LENGTH) + (_TRAINABLE_LENGTH if show_trainable else 0)
    length = line_length or min(wanted, console.width - 4)
    table = _table(is_chain, length, positions, show_trainable)
    for row in _rows(_select(_members(model), layer_range), expand_nested, 1):
        cells = [_name_cell(row), _shape_cell(row.layer), _count_cell(row.layer)]
        if not is_chain:
            cells.append(_connection_cell(model, row) if row.depth == 1 else _text("-"))
        if show_trainable:
            cells.append(_trainable_cell(row.layer))
        table.add_row(*cells)
    console.print(_text((f'Model: "{model.name}"', "bold")), highlight=False)
    console.print(table)
    for line in _total_lines(model):
        console.print(line, highlight=False)
    text = console.file.getvalue()
    if print_fn is None:
        io.write(text, end="")
    else:
        print_fn(text)


def _console(capture: bool, plain: bool) -> Any:
    """A rich console that collects text: coloured where the standard output is a terminal and nobody else prints."""
    from rich.console import Console

    coloured = not plain and io.wants_colour()
    return Console(
        file=_stdio.StringIO() if capture else None,
        force_terminal=coloured,
        color_system="auto" if coloured else None,
        highlight=False,
        soft_wrap=False,
    )


def _text(*parts: str | tuple[str, str]) -> Any:
    from rich.text import Text

    return Text.assemble(*parts)


def _table(is_chain: bool, length: int, positions: Sequence[float] | None, show_trainable: bool) -> Any:
    from rich.table import Column, Table

    headers = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    if not is_chain:
        headers.append(("Connected to", "left"))
    if positions is None:
        positions = _CHAIN_POSITIONS if is_chain else _GRAPH_POSITIONS
        if show_trainable:
            positions = [*(position * _WITHOUT_TRAINABLE for position in positions), 1.0]
    if show_trainable:
        headers.append(("Trainable", "center"))
    ends = [int(position * length) if position <= 1 else int(position) for position in positions]
    if len(ends) < len(headers):
        raise ValueError(
            f"summary: positions has {counted(len(ends), 'entry', 'entries')}, but the table of this model has "
            f"{counted(len(headers), 'column')}: " + ", ".join(title for title, _ in headers) + "."
        )
    columns = [
        Column(title, justify=justify, width=end - start)
        for (title, justify), start, end in zip(headers, [0, *ends], ends)
    ]
    return Table(*columns, width=length, show_lines=True)


def _members(model: Any) -> list[Any]:
    """The layers, and the ops between them where the model is a graph."""
    if _nodes(model):
        return list(getattr(model, "operations", None) or model.layers)
    return list(model.layers)


def _nodes(model: Any) -> list[Any]:
    """The nodes of a graph of layers; none for a Sequential, which is shown as the list it is."""
    if type(model).__name__ == "Sequential":
        return []
    return [node for nodes in (getattr(model, "_nodes_by_depth", None) or {}).values() for node in nodes]


def _is_chain(model: Any) -> bool:
    """Whether each layer takes only what the one before it gives, so that no "Connected to" is needed."""
    seen: set[int] = set()
    depths = model._nodes_by_depth if _nodes(model) else {}
    for nodes in depths.values():
        if len(nodes) > 1 or any(len(node.input_tensors) > 1 for node in nodes):
            return False
        for node in nodes:
            if id(node.operation) in seen:
                return False
            seen.add(id(node.operation))
    return True


def _select(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ValueError(f"summary: layer_range must hold two names, the first and the last layer; got {layer_range}.")

    first = [index for index, layer in enumerate(layers) if re.match(layer_range[0], layer.name)]
    last = [index for index, layer in enumerate(layers) if re.match(layer_range[1], layer.name)]
    if not first or not last:
        raise ValueError(
            f"summary: layer_range={list(layer_range)} does not match the layer names; the model has "
            + ", ".join(layer.name for layer in layers)
            + "."
        )
    lower, upper = sorted((first[0], last[0]))
    return layers[lower : max(upper, last[-1]) + 1]


def _rows(layers: list[Any], expand_nested: bool, depth: int) -> Iterator[_Row]:
    for layer in layers:
        yield _Row(layer, depth)
        if expand_nested and getattr(layer, "layers", None):
            yield from _rows(_members(layer), expand_nested, depth + 1)


def _name_cell(row: _Row) -> Any:
    prefix = f"{' ' * (3 * (row.depth - 1))}└ " if row.depth > 1 else ""
    return _text(prefix + row.layer.name, " (", (class_name(row.layer), _CLASS), ")")


def class_name(layer: Any) -> str:
    """Return what a layer, or an op in a graph, is called in a summary."""
    # An op in a graph is called like its function: `get_item` is shown as GetItem.
    function_name = getattr(layer, "function_name", None)
    if isinstance(function_name, str):
        return "".join(part.capitalize() for part in function_name.split("_"))
    return type(layer).__name__


def _shape_cell(layer: Any) -> Any:
    shapes = output_shapes(layer)
    if not shapes:
        return _text("?")
    parts: list[Any] = []
    for index, shape in enumerate(shapes):
        parts += [", "] if index else []
        parts += _shape_parts(shape)
    return _text(*parts) if len(shapes) == 1 else _text("[", *parts, "]")


def _shape_parts(shape: Sequence[int | None]) -> list[Any]:
    parts: list[Any] = ["("]
    for index, extent in enumerate(shape):
        parts += [", "] if index else []
        parts.append((str(extent), _NONE if extent is None else _NUMBER))
    return [*parts, ",)" if len(shape) == 1 else ")"]


def output_shapes(layer: Any) -> list[tuple[int | None, ...]]:
    """Return the shapes of a layer's outputs, none where they are not known."""
    nodes = getattr(layer, "_inbound_nodes", None)
    if nodes:
        return [tuple(tensor.shape) for tensor in nodes[-1].output_tensors]
    built_with = layer.get_build_config() if hasattr(layer, "get_build_config") else None
    if not built_with:
        return []
    try:
        if "input_shape" in built_with:
            shape = layer.compute_output_shape(built_with["input_shape"])
        else:
            shape = layer.compute_output_shape(**built_with["shapes_dict"])
    except Exception:  # a user's layer that does not know its shape is no reason not to print the others
        return []
    return _flat_shapes(shape)


def _flat_shapes(shape: Any) -> list[tuple[int | None, ...]]:
    if isinstance(shape, dict):
        return [flat for value in shape.values() for flat in _flat_shapes(value)]
    if isinstance(shape, list | tuple) and any(isinstance(entry, list | tuple | dict) for entry in shape):
        return [flat for value in shape for flat in _flat_shapes(value)]
    return [tuple(shape)]


def _count_cell(layer: Any) -> Any:
    if not hasattr(layer, "count_params"):
        return _text(("0", _NUMBER))
    if not getattr(layer, "built", True):
        return _text(("0", _NUMBER), " (unbuilt)")
    return _text((f"{layer.count_params():,}", _NUMBER))


def _trainable_cell(layer: Any) -> Any:
    if not getattr(layer, "weights", None):
        return _text(("-", "bold"))
    return _text(("Y", _YES)) if layer.trainable else _text(("N", _NO))


def _connection_cell(model: Any, row: _Row) -> Any:
    in_model = {id(node) for node in _nodes(model)}
    parts: list[Any] = []
    for node in getattr(row.layer, "_inbound_nodes", ()):
        if id(node) not in in_model:
            continue
        for tensor in node.input_tensors:
            operation, node_index, tensor_index = tensor._keras_history
            parts += [", "] if parts else []
            parts += [operation.name, "[", (str(node_index), _NUMBER), "][", (str(tensor_index), _NUMBER), "]"]
    return _text(*(parts or ["-"]))


def _total_lines(model: Any) -> Iterator[Any]:
    optimizer = getattr(model, "optimizer", None)
    trainable, non_trainable = list(model.trainable_weights), list(model.non_trainable_weights)
    optimizer_variables = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    yield _total_line("Total params", [*trainable, *non_trainable, *optimizer_variables])
    yield _total_line("Trainable params", trainable)
    yield _total_line("Non-trainable params", non_trainable)
    if optimizer_variables:
        yield _total_line("Optimizer params", optimizer_variables)


def _total_line(title: str, variables: list[Any]) -> Any:
    count = sum(math.prod(variable.shape) for variable in variables)
    size = sum(math.prod(variable.shape) * _bits(variable.dtype) for variable in variables) // 8
    return _text((f" {title}: ", "bold"), (f"{count:,}", _NUMBER), f" ({_size_text(size)})")


def _bits(dtype: Any) -> int:
    name = str(dtype)
    digits = "".join(character for character in name.split("_")[0] if character.isdigit())
    return int(digits) if digits else 8


def _size_text(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{size:.2f} {unit}"
        size /= 1024
    return ""
