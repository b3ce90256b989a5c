"""`tf.gradients` for `pronghorn run`: derivatives of what a traced function has computed, without a tape."""

from __future__ import annotations

from typing import Any

from pronghorn import KerasTensor, tree
from pronghorn.engine.autodiff.tape import GradientTape, tape_of_traced
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Trace


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = "none",
) -> list[Any]:
    """`tf.gradients`, inside of a `tf.function`: derivatives of the sum of `ys`.

    Args:
        ys: an array or a list of arrays.
        xs: an array or variable, or a list of them.
        grad_ys: what the elements of `ys` are weighted with; ones by default.
        name: without effect.
        gate_gradients: without effect.
        aggregation_method: without effect.
        stop_gradients: arrays that count as constants.
        unconnected_gradients: `"none"` or `"zero"`, for an array of `xs` that no element of `ys` depends on.

    Returns:
        A list with one array of the shape of each of `xs`, or None.

    Raises:
        RuntimeError: outside of a function that is being traced, and for outputs of layers without values.
        NotImplementedError: for `stop_gradients`.

    >>> import pronghorn
    >>> pronghorn.jit(lambda x: gradients(x * x, x)[0])(pronghorn.ops.array(3.0)).numpy()
    np.float32(6.0)
    """
    sources = list(xs) if isinstance(xs, list | tuple) else [xs]
    if stop_gradients is not None:
        raise NotImplementedError(
            "tf.gradients: stop_gradients is not there; call tf.stop_gradient on these arrays where they are used."
        )
    return _tape(ys, sources).gradient(ys, sources, grad_ys, unconnected_gradients)  # type: ignore[no-any-return]


def _tape(ys: Any, sources: list[Any]) -> GradientTape:
    if any(isinstance(x, KerasTensor) for x in tree.flatten([ys, sources])):
        raise RuntimeError(
            "gradients: these are outputs of layers, which have no values yet. Make a model that returns them, such as "
            "keras.Model(model.input, [layer.output, model.output]), call it on data in `with tf.GradientTape() as "
            "tape:`, and ask for tape.gradient(loss, layer_output)."
        )
    trace = current_trace()
    if trace is None:
        raise RuntimeError(
            "gradients: what runs outside of a tf.function is not remembered. Compute it in `with tf.GradientTape() as "
            "tape:`, with tape.watch(x) for arrays that are no variables, and ask for tape.gradient(loss, variables)."
        )
    if trace.parent is not None and not all(_is_made_in(trace, x) for x in sources):
        raise RuntimeError(
            "gradients: the body of a loop or a branch knows only what it computes itself, and these arrays or "
            "variables come from outside of it. Ask for the gradients there."
        )
    tape = tape_of_traced(trace)
    tape.watch(sources)
    return tape


def _is_made_in(trace: Trace, x: Any) -> bool:
    return isinstance(x, Tensor) and getattr(x.data, "graph", None) is trace.graph
