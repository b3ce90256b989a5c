"""JAX: one function of `jax.numpy` or `jax.lax` a primitive. Importing this package imports JAX."""

from pronghorn.engine.backends.jax.engine import ENGINE

__all__ = ["ENGINE"]
