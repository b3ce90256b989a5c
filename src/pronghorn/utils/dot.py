"""Pictures of models: a graph in Graphviz's language, and a drawing of it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pronghorn._wording import shown
from pronghorn.utils.dot_drawing import draw
from pronghorn.utils.summary import class_name, output_shapes

_RANKDIRS = ("TB", "BT", "LR", "RL")


@dataclass
class Node:
    """A box of the picture: its lines of text, and the cluster of a nested model it is in."""

    name: str
    lines: list[str]
    cluster: tuple[str, ...] = ()


@dataclass
class Dot:
    """A graph of boxes and arrows.

    Attributes:
        nodes: the boxes.
        edges: pairs of box names.
        rankdir: `"TB"`, `"LR"`, ...: which way it grows.
        dpi: resolution of the picture.
    """

    rankdir: str = "TB"
    dpi: int = 200
    splines: str = "ortho"
    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def to_string(self) -> str:
        """Return the graph in Graphviz's language."""
        lines = [
            "digraph model {",
            f'  graph [rankdir="{self.rankdir}", dpi="{self.dpi}", splines="{self.splines}", concentrate="true"];',
            '  node [shape="box", style="filled,rounded", fillcolor="white", fontname="Helvetica"];',
        ]
        lines += self._cluster_lines((), 1)
        lines += [f"  {_quoted(start)} -> {_quoted(end)};" for start, end in self.edges]
        return "\n".join([*lines, "}", ""])

    to_dot = to_string

    def _cluster_lines(self, cluster: tuple[str, ...], indent: int) -> Iterator[str]:
        pad = "  " * indent
        for node in self.nodes:
            if node.cluster == cluster:
                yield f"{pad}{_quoted(node.name)} [label={_quoted(chr(10).join(node.lines))}];"
        deeper = {node.cluster[: len(cluster) + 1] for node in self.nodes if node.cluster[: len(cluster)] == cluster}
        for inner in sorted(deeper - {cluster}):
            yield f"{pad}subgraph {_quoted('cluster_' + '/'.join(inner))} {{"
            yield f"{pad}  label={_quoted(inner[-1])};"
            yield from self._cluster_lines(inner, indent + 1)
            yield f"{pad}}}"

    def write(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Draw the graph into a file, with Graphviz where it is installed, else with Matplotlib.

        Args:
            path: the file; `.dot` writes the text itself.
            format: by default what the file's name says.

        Raises:
            ImportError: if neither is installed.
        """
        kind = format or Path(path).suffix.lstrip(".") or "png"
        if kind in ("dot", "gv"):
            Path(path).write_text(self.to_string(), encoding="utf-8")
        elif shutil.which("dot"):
            command = ["dot", f"-T{kind}", "-o", os.fspath(path)]
            result = subprocess.run(command, input=self.to_string(), text=True, capture_output=True)
            if result.returncode:
                raise RuntimeError(f"Graphviz cannot draw {os.fspath(path)}: {result.stderr.strip()}")
        else:
            draw(self, path, kind)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """Return the graph of a model's layers.

    Args:
        model: a built model.
        show_shapes: whether boxes tell the shapes of the inputs and outputs.
        show_dtype: whether they tell the dtype.
        show_layer_names: whether they tell the layers' names.
        rankdir: `"TB"` top to bottom, `"LR"` left to right, `"BT"` or `"RL"`.
        expand_nested: whether models in the model are drawn with their layers.
        dpi: resolution.
        subgraph: accepted as in Keras.
        show_layer_activations: whether boxes tell the activation.
        show_trainable: whether they tell if the layer is trained.
        splines: how Graphviz draws arrows.

    Raises:
        ValueError: if the model is not built, or for unknown arguments.

    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="only")])
    >>> graph = model_to_dot(model, show_shapes=True)
    >>> "only" in graph.to_string()
    True
    """
    kwargs.pop("layer_range", None)
    if kwargs:
        raise ValueError(f"model_to_dot: unknown arguments: {', '.join(kwargs)}.")
    if not hasattr(model, "layers"):
        raise ValueError(f"model_to_dot: `model` must be a model, got {shown(model)} of type {type(model).__name__}.")
    if not getattr(model, "built", True):
        raise ValueError(
            "The model is not built yet: give its first layer an input shape, or call it on data, and draw it then."
        )
    if rankdir not in _RANKDIRS:
        raise ValueError(f"model_to_dot: rankdir={rankdir!r} is none of {', '.join(_RANKDIRS)}.")
    dot = Dot(rankdir=rankdir, dpi=dpi, splines=splines)
    options = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    _add_model(dot, model, (), expand_nested, options)
    return dot


def _add_model(
    dot: Dot, model: Any, cluster: tuple[str, ...], expand: bool, options: dict[str, bool]
) -> dict[int, tuple[str, str]]:
    """Add a model's boxes and arrows; return for each layer the names of its (first, last) boxes."""
    depths = None if type(model).__name__ == "Sequential" else getattr(model, "_nodes_by_depth", None)
    layers = list(getattr(model, "operations", None) or model.layers) if depths else list(model.layers)
    ends: dict[int, tuple[str, str]] = {}
    for layer in layers:
        if expand and getattr(layer, "layers", None):
            inner = _add_model(dot, layer, (*cluster, layer.name), expand, options)
            names = list(inner.values())
            ends[id(layer)] = (names[0][0], names[-1][1])
            continue
        name = "/".join([*cluster, layer.name])
        dot.nodes.append(Node(name, list(_lines(layer, options)), cluster))
        ends[id(layer)] = (name, name)
    pairs = _graph_edges(depths) if depths else itertools.pairwise(layers)
    for start, end in pairs:
        edge = (ends[id(start)][1], ends[id(end)][0]) if id(start) in ends and id(end) in ends else None
        if edge is not None and edge not in dot.edges:
            dot.edges.append(edge)
    return ends


def _graph_edges(depths: dict[int, list[Any]]) -> Iterator[tuple[Any, Any]]:
    for depth in sorted(depths, reverse=True):
        for node in depths[depth]:
            for tensor in node.input_tensors:
                yield tensor._keras_history[0], node.operation


def _lines(layer: Any, options: dict[str, bool]) -> Iterator[str]:
    kind = class_name(layer)
    yield f"{layer.name} ({kind})" if options["show_layer_names"] else kind
    activation = getattr(layer, "activation", None)
    if options["show_layer_activations"] and activation is not None:
        yield f"activation: {getattr(activation, '__name__', type(activation).__name__)}"
    if options["show_shapes"]:
        shapes = [str(shape) for shape in _input_shapes(layer)]
        if shapes:
            yield f"input: {', '.join(shapes)}"
        yield f"output: {', '.join(str(shape) for shape in output_shapes(layer)) or '?'}"
    if options["show_dtype"]:
        yield f"dtype: {getattr(layer, 'dtype', '?')}"
    if options["show_trainable"] and getattr(layer, "weights", None):
        yield "trainable" if layer.trainable else "not trainable"


def _input_shapes(layer: Any) -> list[tuple[Any, ...]]:
    nodes = getattr(layer, "_inbound_nodes", None)
    return [tuple(tensor.shape) for tensor in nodes[-1].input_tensors] if nodes else []


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model's layers into a picture file; see `model_to_dot` for the arguments.

    Args:
        to_file: the file; its ending says the format, and `.dot` writes Graphviz's language.

    Returns:
        The picture, where a notebook can show it, else None.

    Example:

    >>> import os, tempfile
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "model.png")
    >>> _ = plot_model(model, path, show_shapes=True)
    >>> os.path.exists(path)
    True
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    dot.write(to_file)
    try:
        from IPython import display, get_ipython
    except ImportError:
        return None
    is_picture = os.fspath(to_file).endswith((".png", ".jpg", ".jpeg"))
    return display.Image(filename=os.fspath(to_file)) if get_ipython() is not None and is_picture else None
