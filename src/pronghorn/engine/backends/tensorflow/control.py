"""Control flow over subgraphs, by TensorFlow's loops and branches; matrix factorisations."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from pronghorn.engine.backends.interpreter import Bound, empty_results, is_region
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.backends.tensorflow.extents import extent, extents
from pronghorn.engine.backends.tensorflow.registry import implements, on_host, run, unfused, widened
from pronghorn.engine.graph.dim import Dim, Extent
from pronghorn.engine.graph.ir import Graph

Body = Graph | Bound
Tensors = tuple[Any, ...]


@implements
def scan(*xs: Any, body: Body, num_consts: int, num_carry: int, length: Extent, reverse: bool) -> Tensors:
    """``body`` for each slice along axis 0; with ``reverse`` from the last to the first, each y at its own index."""
    fixed = num_consts + num_carry
    consts, carry = xs[:num_consts], xs[num_consts:fixed]
    stacked = empty_results(body, num_carry)
    if not length:
        return (*carry, *(tf.zeros(extents(shape), dtype) for shape, dtype in stacked))
    count = extent(length)
    sequences = [tf.TensorArray(x.dtype, count, element_shape=x.shape[1:]).unstack(x) for x in xs[fixed:]]
    shapes = [[None if isinstance(n, Dim) else n for n in shape[1:]] for shape, _ in stacked]
    arrays = [tf.TensorArray(dtype, count, element_shape=shape) for shape, (_, dtype) in zip(shapes, stacked)]

    def step(i: Any, carry: Tensors, arrays: list[Any]) -> tuple[Any, Tensors, list[Any]]:
        at = count - 1 - i if reverse else i
        out = run(body, [*consts, *carry, *(s.read(at) for s in sequences)])
        return i + 1, tuple(out[:num_carry]), [a.write(at, y) for a, y in zip(arrays, out[num_carry:])]

    _, carry, arrays = tf.while_loop(
        lambda i, *_: i < count, step, (tf.constant(0), tuple(carry), arrays), maximum_iterations=count
    )
    return (*carry, *(_of_length(a.stack(), length) for a in arrays))


def _of_length(x: Any, length: Extent) -> Any:
    return x if isinstance(length, Dim) else tf.ensure_shape(x, [length, *x.shape[1:]])


@implements
def while_loop(*xs: Any, cond: Body, body: Body, num_cond_consts: int, num_body_consts: int) -> Tensors:
    first = num_cond_consts + num_body_consts
    cond_consts, body_consts = xs[:num_cond_consts], xs[num_cond_consts:first]
    return tuple(
        tf.while_loop(
            lambda *carry: run(cond, [*cond_consts, *carry])[0],
            lambda *carry: tuple(run(body, [*body_consts, *carry])),
            tuple(xs[first:]),
        )
    )


@implements
def foreign_call(*xs: Any, call: Any) -> Tensors:
    return call(*xs)


@implements
def cond(pred: Any, *xs: Any, true: Body, false: Body) -> Tensors:
    if is_region(true, false):
        return tuple(tf.recompute_grad(lambda *xs: tuple(run(true, xs)))(*xs))
    return tuple(tf.cond(pred, lambda: tuple(run(true, xs)), lambda: tuple(run(false, xs))))


@implements
def custom_vjp(*xs: Any, num_args: int, num_outs: int, vjp: Body) -> Tensors:
    """The outs as they are. What TensorFlow differentiates takes the args' gradients from ``vjp``, and from it
    alone."""
    outs, captures = xs[num_args : num_args + num_outs], xs[num_args + num_outs :]

    @tf.custom_gradient
    def outs_of(*args: Any) -> Any:
        def backward(*cotangents: Any) -> list[Any]:
            return run(vjp, [*cotangents, *captures])

        return tuple(tf.stop_gradient(o) for o in outs), backward

    return tuple(outs_of(*xs[:num_args]))


# -- linear algebra ---------------------------------------------------------------------------------------------------
@implements
@widened
def cholesky(x: Any) -> Any:
    return tf.linalg.cholesky(x)


@implements
@widened
def triangular_solve(a: Any, b: Any, *, lower: bool, transpose: bool) -> Any:
    if transpose:  # TensorFlow's is the conjugate one
        a, lower = tf.linalg.matrix_transpose(a), not lower
    return tf.linalg.triangular_solve(a, b, lower=lower)


@implements
@widened
def qr(x: Any, *, mode: str) -> Tensors:
    return tuple(tf.linalg.qr(x, full_matrices=mode == "complete"))


@implements
@widened
def svd(x: Any, *, full_matrices: bool, compute_uv: bool) -> Tensors:
    *lead, m, n = x.shape
    if compute_uv and full_matrices and m != n:  # what lies beyond the singular vectors is LAPACK's choice
        shapes = [*lead, m, m], [*lead, min(m, n)], [*lead, n, n]
        return _on_host("svd", x, [(s, x.dtype) for s in shapes], full_matrices=True, compute_uv=True)
    unfused()
    if not compute_uv:
        return (tf.linalg.svd(x, compute_uv=False),)
    s, u, v = tf.linalg.svd(x)
    return u, s, tf.linalg.adjoint(v)


@implements
@widened
def eigh(x: Any) -> Tensors:
    unfused()
    return tuple(tf.linalg.eigh(x))


@implements
def eig(x: Any) -> Tensors:
    dtype = {"float32": tf.complex64, "float64": tf.complex128}.get(x.dtype.name, x.dtype)
    return _on_host("eig", x, [(x.shape[:-1], dtype), (x.shape, dtype)])  # in LAPACK's order


@implements
@widened
def lu(x: Any) -> Tensors:
    return _on_host("lu", x, [(x.shape, x.dtype), ([*x.shape[:-2], min(x.shape[-2:])], tf.int32)])


def _on_host(name: str, x: Any, results: list[tuple[Any, Any]], **params: Any) -> Tensors:
    return on_host(functools.partial(IMPLEMENTATIONS[name], **params), x, results)
