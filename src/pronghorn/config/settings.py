"""Settings of the whole process: the default float type, epsilon, logging, threads.

Each can also come from the environment, read once, when a setting is first used: `KERAS_FLOATX`, `KERAS_EPSILON`,
`KERAS_IMAGE_DATA_FORMAT`, `KERAS_MAX_EPOCHS`, `KERAS_MAX_STEPS_PER_EPOCH`, `PRONGHORN_BACKEND_NAME`, and
`PRONGHORN_NUM_THREADS`, which the thread pool reads when it starts.
"""

from __future__ import annotations

import os
from typing import Any

from pronghorn import _tracebacks
from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.engine.backends import choice
from pronghorn.engine.graph import dtypes, exactness
from pronghorn.engine.runtime import threads

_FLOAT_TYPES = ("float32", "float64", "float16", "bfloat16")
_BACKEND_NAMES = ("jax", "numpy", "openvino", "pronghorn", "tensorflow", "torch")
_DATA_FORMATS = ("channels_last", "channels_first")


class _Settings:
    """The values themselves, in one place."""

    def __init__(self) -> None:
        self.backend_name: str | None = None
        self.floatx = "float32"
        self.epsilon = 1e-7
        self.image_data_format = "channels_last"
        self.interactive_logging = True
        self.flash_attention: bool | None = None
        self.unsafe_deserialization = False
        self.max_epochs: int | None = None
        self.max_steps_per_epoch: int | None = None


_settings = _Settings()


def backend() -> str:
    """Return the name of the engine: `"pronghorn"` for our own, else `"jax"`, `"tensorflow"`, `"torch"`, `"pytensor"`.

    Where a name was set with `set_backend_name`, it is that.

    >>> backend()
    'pronghorn'
    """
    return _settings.backend_name or choice.in_kerass_words()


def set_backend_name(name: str | None) -> None:
    """Set what `backend()` tells, for libraries that know Keras's backends only; what computes stays the same.

    A library that hears `"jax"` may call JAX's functions on tensors: the engine `"jax"` (`set_backend`) is for those.
    The environment variable `PRONGHORN_BACKEND_NAME` does the same.

    Args:
        name: `"jax"`, `"tensorflow"`, `"torch"`, `"numpy"`, `"openvino"` or `"pronghorn"`; None for the engine's own.

    Raises:
        ValueError: for any other name.

    >>> set_backend_name("jax")
    >>> backend()
    'jax'
    >>> set_backend_name(None)
    """
    if name is not None and name not in _BACKEND_NAMES:
        raise ValueError(
            f"set_backend_name: name is {name!r}{nearest_clause(str(name), _BACKEND_NAMES)}; it must be one of "
            f"{', '.join(_BACKEND_NAMES)}, or None."
        )
    _settings.backend_name = name


def set_backend(backend: str) -> None:
    """Have models run on another engine from now on. Weights and the optimizer's state go along.

    Args:
        backend: `"pronghorn"` for our own, or an engine that is installed, such as `"jax"`.

    Raises:
        ValueError: there is no engine of this name.
        ImportError: it is not installed; the message says the command that installs it.
        RuntimeError: the engine does not work, or a model is running.

    >>> set_backend("pronghorn")
    """
    choice.choose(backend)


def floatx() -> str:
    """Return the default float dtype of layers and variables, `"float32"` unless it was set.

    >>> floatx()
    'float32'
    """
    return _settings.floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype.

    Args:
        value: `"float32"`, `"float64"`, `"float16"` or `"bfloat16"`.

    Raises:
        ValueError: for any other value.

    Example:

    >>> set_floatx("float64")
    >>> floatx()
    'float64'
    >>> set_floatx("float32")
    """
    if value not in _FLOAT_TYPES:
        raise ValueError(f"set_floatx: unknown floatx {shown(value)}; expected one of {', '.join(_FLOAT_TYPES)}.")
    _settings.floatx = value


def epsilon() -> float:
    """Return the small number that losses and metrics add to avoid dividing by zero.

    >>> epsilon()
    1e-07
    """
    return _settings.epsilon


def set_epsilon(value: float) -> None:
    """Set what `epsilon()` returns.

    >>> before = epsilon()
    >>> set_epsilon(1e-5)
    >>> epsilon()
    1e-05
    >>> set_epsilon(before)
    """
    _settings.epsilon = value


def image_data_format() -> str:
    """Return the default axis order of images, `"channels_last"` or `"channels_first"`.

    >>> image_data_format()
    'channels_last'
    """
    return _settings.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default axis order of images.

    Raises:
        ValueError: if it is neither `"channels_last"` nor `"channels_first"`.

    Example:

    >>> set_image_data_format("channels_first")
    >>> image_data_format()
    'channels_first'
    >>> set_image_data_format("channels_last")
    """
    _settings.image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return a checked, lower-case data format; None means the default.

    >>> standardize_data_format(None), standardize_data_format("Channels_First")
    ('channels_last', 'channels_first')
    """
    if data_format is None:
        return _settings.image_data_format
    lowered = str(data_format).lower()
    if lowered not in _DATA_FORMATS:
        raise ValueError(f"data_format: got {data_format!r}; it must be one of {', '.join(_DATA_FORMATS)}.")
    return lowered


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype given as a name, a NumPy dtype or a Python type; None means `floatx()`.

    Raises:
        ValueError: if it is none.

    >>> standardize_dtype(float), standardize_dtype("int"), standardize_dtype(None)
    ('float32', 'int32', 'float32')
    """
    if dtype is None or dtype is float:
        return _settings.floatx
    if dtype is int or (isinstance(dtype, str) and dtype == "int"):
        return "int32"
    if dtype is str or (isinstance(dtype, str) and dtype == "string") or getattr(dtype, "kind", "") in ("U", "O"):
        return "string"  # arrays of texts: of NumPy's own type, or of Python's objects
    name = getattr(dtype, "name", dtype) if not isinstance(dtype, type) else dtype
    name = dtypes.name_in_framework(name) or name
    try:
        if isinstance(name, str) and name not in dtypes.ALL:
            raise TypeError
        return dtypes.name_of(name)
    except TypeError:
        raise ValueError(
            f"dtype: {dtype!r} is not known{nearest_clause(str(name), dtypes.ALL)}; it must be one of "
            f"{', '.join(dtypes.ALL)}."
        ) from None


def get_num_threads() -> int:
    """Return how many threads compiled code runs on.

    >>> get_num_threads() >= 1
    True
    """
    return threads.get_num_threads()


def set_num_threads(count: int) -> None:
    """Set how many threads compiled code runs on; results are the same to the bit for any number.

    Args:
        count: 1 or more.

    Example:

    >>> count = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(count)
    """
    threads.set_num_threads(count)


def exact_convolutions() -> bool:
    """Return whether every convolution is a plain sum of products; see `set_exact_convolutions`.

    >>> exact_convolutions()
    False
    """
    return exactness.exact_convolutions()


def set_exact_convolutions(exact: bool) -> None:
    """Have every convolution, and every gradient of one, computed as a plain sum of products, which is slower.

    By default convolutions of two to five taps over many channels take fewer multiplications (minimal filtering). Their
    errors are as small as those of float32 sums beside the largest products of a result's window, but not beside
    the result's own products where inputs or taps differ by orders of magnitude; and in a gradient by the filter, a NaN
    or a huge value reaches all taps of its channels, unless the filter is multiplied by a mask. (In results, a tap of
    zero lets nothing through either way.) Set this for comparisons to the last bits, or for data with such values. What
    is compiled already is compiled again for it.

    For a layer, or a model and all layers in it, set ``layer.exact_convolutions = True`` instead.

    Args:
        exact: True for plain sums; False, the default, for whichever way is faster.

    Raises:
        TypeError: it is no bool.

    Example:

    >>> set_exact_convolutions(True)
    >>> exact_convolutions()
    True
    >>> set_exact_convolutions(False)
    """
    if not isinstance(exact, bool):
        raise TypeError(f"set_exact_convolutions: exact is {shown(exact)}; it must be True or False.")
    exactness.set_exact_convolutions(exact)


def enable_interactive_logging() -> None:
    """Print progress and messages to the standard output (the default).

    >>> enable_interactive_logging()
    >>> is_interactive_logging_enabled()
    True
    """
    _settings.interactive_logging = True


def disable_interactive_logging() -> None:
    """Send progress and messages to Python's `logging` instead of the standard output.

    >>> disable_interactive_logging()
    >>> is_interactive_logging_enabled()
    False
    >>> enable_interactive_logging()
    """
    _settings.interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress is printed to the standard output.

    >>> is_interactive_logging_enabled()
    True
    """
    return _settings.interactive_logging


def enable_traceback_filtering() -> None:
    """Leave the library's own frames out of the tracebacks of errors raised in it (the default).

    >>> enable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    True
    """
    _tracebacks.enabled = True


def disable_traceback_filtering() -> None:
    """Show every frame in tracebacks, for work on Pronghorn itself.

    >>> disable_traceback_filtering()
    >>> is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    _tracebacks.enabled = False


def is_traceback_filtering_enabled() -> bool:
    """Return whether the library's own frames are left out of tracebacks.

    >>> is_traceback_filtering_enabled()
    True
    """
    return _tracebacks.enabled


def enable_flash_attention() -> None:
    """Ask for fused attention. The compiler fuses where it can, so this only records the wish.

    >>> enable_flash_attention()  # doctest: +SKIP
    >>> is_flash_attention_enabled()  # doctest: +SKIP
    True
    """
    _settings.flash_attention = True


def disable_flash_attention() -> None:
    """Ask for attention to be computed step by step; see `enable_flash_attention`.

    >>> disable_flash_attention()  # doctest: +SKIP
    >>> is_flash_attention_enabled()  # doctest: +SKIP
    False
    """
    _settings.flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """Return True or False as it was set, None where it never was.

    >>> is_flash_attention_enabled() is None
    True
    """
    return _settings.flash_attention


def enable_unsafe_deserialization() -> None:
    """Let `load_model` build `Lambda` layers from Python bytecode in files. Do this for files you trust only.

    >>> enable_unsafe_deserialization()  # and load_model("mine.keras") builds its Lambda layers  # doctest: +SKIP
    """
    _settings.unsafe_deserialization = True


def is_unsafe_deserialization_enabled() -> bool:
    """Return whether files may carry Python bytecode for the whole process.

    >>> is_unsafe_deserialization_enabled()
    False
    """
    return _settings.unsafe_deserialization


def is_nnx_enabled() -> bool:
    """Return False: Flax NNX belongs to Keras's JAX backend.

    >>> is_nnx_enabled()
    False
    """
    return False


def max_epochs() -> int | None:
    """Return the most epochs that any `fit` runs, or None for no limit.

    >>> max_epochs() is None
    True
    """
    return _settings.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, to try a long script quickly. None takes the limit away.

    >>> set_max_epochs(2)
    >>> max_epochs()
    2
    >>> set_max_epochs(None)
    """
    _settings.max_epochs = max_epochs


def max_steps_per_epoch() -> int | None:
    """Return the most steps that an epoch of any `fit`, `evaluate` or `predict` runs, or None for no limit.

    >>> max_steps_per_epoch() is None
    True
    """
    return _settings.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every epoch, to try a long script quickly. None takes the limit away.

    >>> set_max_steps_per_epoch(100)
    >>> max_steps_per_epoch()
    100
    >>> set_max_steps_per_epoch(None)
    """
    _settings.max_steps_per_epoch = max_steps_per_epoch


def _from_environment() -> None:
    """Apply the environment variables of the module's docstring."""
    readers = {
        "PRONGHORN_BACKEND_NAME": set_backend_name,
        "KERAS_FLOATX": set_floatx,
        "KERAS_EPSILON": lambda text: set_epsilon(float(text)),
        "KERAS_IMAGE_DATA_FORMAT": set_image_data_format,
        "KERAS_MAX_EPOCHS": lambda text: set_max_epochs(int(text)),
        "KERAS_MAX_STEPS_PER_EPOCH": lambda text: set_max_steps_per_epoch(int(text)),
    }
    for variable, apply in readers.items():
        text = os.environ.get(variable)
        if text:
            try:
                apply(text)
            except ValueError as error:
                raise ValueError(f"environment variable {variable}={text!r}: {error}") from None
    threads.default_num_threads()  # a wrong one is an error now, not where the pool is first needed


_from_environment()
