"""Special functions of `tf.math` and `tf.math.special` by SciPy, in float64, for `pronghorn run`.

They are of values that are known, so that a `tf.function` with one runs eagerly. Tapes differentiate them once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn_tensorflow.arrays.doubles import keeping_doubles


def _scipy(name: str) -> Any:
    try:
        from scipy import special
    except ImportError as error:
        raise ImportError(f"tf.math.{name} needs SciPy: pip install scipy.", name="scipy") from error
    return special


def _known(name: str, x: Any) -> np.ndarray:
    """An array's values in float64.

    Raises:
        TypeError: in a traced function, or for what is no float.
    """
    if not dtypes.is_float(x.dtype):
        raise TypeError(f"tf.math.{name}: arrays of floats are taken; got {dtypes.name_of(x.dtype)}. See tf.cast.")
    if x.is_traced:
        raise TypeError(
            f"tf.math.{name} is of values that are known, and here, in a traced function (tf.function, or a compiled "
            "model), they are not. Call it outside."
        )
    return np.asarray(x).astype("float64")


def _function(
    name: str, of: Callable[..., Any], derivative: Callable[..., Any], arguments: tuple[str, ...] = ("x",)
) -> Any:
    """A function of broadcast arrays that is differentiated by the last of them."""

    @ops.custom_gradient
    def with_gradient(*arrays: Any) -> Any:
        kind = arrays[-1].dtype
        values = [_known(name, x) for x in arrays]

        def made(function: Callable[..., Any]) -> Any:
            with np.errstate(all="ignore"):
                return ops.convert_to_tensor(np.asarray(function(_scipy(name), *values)), dtype=kind)

        def gradients(upstream: Any) -> Any:
            return *(ops.zeros_like(x) for x in arrays[:-1]), _summed(upstream * made(derivative), arrays[-1].shape)

        return made(of), gradients

    def function(*args: Any, name: str | None = None, **named: Any) -> Any:
        missing = [a for a in arguments[len(args) :] if a not in named]
        if missing or len(args) > len(arguments) + 1:  # TensorFlow's last one is the name
            given = len(args) + len(named)
            raise TypeError(f"tf.math.{own_name}: its arguments are {', '.join(arguments)}; got {given}.")
        arrays = [*args[: len(arguments)], *(named.pop(a) for a in arguments[len(args) :])]
        if named:
            raise TypeError(f"tf.math.{own_name}: it has no argument {sorted(named)[0]!r}.")
        return with_gradient(*(keeping_doubles(ops.convert_to_tensor)(x) for x in arrays))

    own_name = function.__name__ = name
    function.__doc__ = f"`tf.math.{name}` or `tf.math.special.{name}`: by SciPy."
    return function


def _summed(x: Any, shape: Any) -> Any:
    """A gradient summed along the axes that were broadcast."""
    extra = len(x.shape) - len(shape)
    x = ops.sum(x, axis=tuple(range(extra))) if extra else x
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and x.shape[i] != 1)
    return ops.sum(x, axis=repeated, keepdims=True) if repeated else x


def _i1_over(i1: np.ndarray, x: np.ndarray, at_zero: float) -> np.ndarray:
    """A Bessel function of order 1 divided by `x`, and its limit at 0."""
    return np.where(x == 0, at_zero, i1 / np.where(x == 0, 1, x))


def _of_positive(found: np.ndarray, x: np.ndarray, below: float) -> np.ndarray:
    """What TensorFlow gives for negative numbers, where the function is not defined or not real."""
    return np.where(x < 0, below, found)


def _polygamma(special: Any, n: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By the derivatives of the digamma function; at its poles those of even order have no sign."""
    found = np.where(n == 0, special.psi(x), -np.cos(np.pi * n) * special.gamma(n + 1) * special.zeta(n + 1, x))
    at_pole = (x <= 0) & (x == np.floor(x)) & (np.floor(n) % 2 == 0)
    return np.where((n < 0) | (n != np.floor(n)) | at_pole, np.nan, found)


def _betainc(special: Any, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.where((a > 0) & (b > 0), special.betainc(a, b, x), np.nan)


def _beta_density(special: Any, a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


zeta = _function("zeta", lambda s, x, q: s.zeta(x, q), lambda s, x, q: -x * s.zeta(x + 1, q), ("x", "q"))
polygamma = _function("polygamma", _polygamma, lambda s, a, x: _polygamma(s, a + 1, x), ("a", "x"))
betainc = _function("betainc", _betainc, _beta_density, ("a", "b", "x"))

bessel_i0 = _function("bessel_i0", lambda s, x: s.i0(x), lambda s, x: s.i1(x))
bessel_i0e = _function("bessel_i0e", lambda s, x: s.i0e(x), lambda s, x: s.i1e(x) - np.sign(x) * s.i0e(x))
bessel_i1 = _function("bessel_i1", lambda s, x: s.i1(x), lambda s, x: s.i0(x) - _i1_over(s.i1(x), x, 0.5))
bessel_i1e = _function(
    "bessel_i1e",
    lambda s, x: s.i1e(x),
    lambda s, x: s.i0e(x) - np.sign(x) * s.i1e(x) - _i1_over(s.i1e(x), x, 0.5),
)
bessel_j0 = _function("bessel_j0", lambda s, x: s.j0(x), lambda s, x: -s.j1(x))
bessel_j1 = _function("bessel_j1", lambda s, x: s.j1(x), lambda s, x: s.j0(x) - _i1_over(s.j1(x), x, 0.5))
bessel_k0 = _function("bessel_k0", lambda s, x: _of_positive(s.k0(x), x, np.inf), lambda s, x: -s.k1(x))
bessel_k0e = _function("bessel_k0e", lambda s, x: _of_positive(s.k0e(x), x, np.inf), lambda s, x: s.k0e(x) - s.k1e(x))
bessel_k1 = _function("bessel_k1", lambda s, x: _of_positive(s.k1(x), x, np.inf), lambda s, x: -s.k0(x) - s.k1(x) / x)
bessel_k1e = _function(
    "bessel_k1e", lambda s, x: _of_positive(s.k1e(x), x, np.inf), lambda s, x: s.k1e(x) * (1 - 1 / x) - s.k0e(x)
)
bessel_y0 = _function("bessel_y0", lambda s, x: _of_positive(s.y0(x), x, -np.inf), lambda s, x: -s.y1(x))
bessel_y1 = _function(
    "bessel_y1",
    lambda s, x: np.where(x == 0, np.nan, _of_positive(s.y1(x), x, -np.inf)),
    lambda s, x: s.y0(x) - s.y1(x) / x,
)
dawsn = _function("dawsn", lambda s, x: s.dawsn(x), lambda s, x: 1 - 2 * x * s.dawsn(x))
expint = _function("expint", lambda s, x: _of_positive(s.expi(x), x, np.nan), lambda s, x: np.exp(x) / x)
fresnel_cos = _function("fresnel_cos", lambda s, x: s.fresnel(x)[1], lambda s, x: np.cos(np.pi * x**2 / 2))
fresnel_sin = _function("fresnel_sin", lambda s, x: s.fresnel(x)[0], lambda s, x: np.sin(np.pi * x**2 / 2))
spence = _function("spence", lambda s, x: s.spence(x), lambda s, x: np.where(x == 1, -1.0, np.log(x) / (1 - x)))
