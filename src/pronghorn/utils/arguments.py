"""Checks of constructors' arguments: what kind of value each name stands for, in one table.

A base class that inherits `CheckedArguments` has the constructors of Pronghorn's own classes below it checked before
they run, by the names of their parameters. What depends on several arguments, or on the inputs, is left to the classes.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn._wording import shown
from pronghorn.engine.graph.messages import short_messages
from pronghorn.engine.graph.user_code import is_own


@dataclass(frozen=True)
class Kind:
    """What a value may be.

    Attributes:
        words: as an error message says it, after "must be".
        accepts: whether a value is one.
        none: whether None is one even where it is not the default.
        error: the kind of error for what is none.
    """

    words: str
    accepts: Callable[[Any], bool]
    none: bool = False
    error: type[Exception] = ValueError


def is_number(x: Any) -> bool:
    """Whether ``x`` is a real number: Python's, NumPy's, or an array or variable that is a scalar.

    >>> is_number(2), is_number(np.float32(0.5)), is_number("2"), is_number([2])
    (True, True, False, False)
    """
    if isinstance(x, (int, float, np.number, np.bool_)):
        return not isinstance(x, np.complexfloating)
    return getattr(x, "shape", None) == () and not isinstance(x, (str, bytes)) and hasattr(x, "dtype")


def _is_rate(x: Any) -> bool:
    """Whether ``x`` may be a learning rate.

    Keras takes no integers: here those that make sense are as good as floats. A negative float is taken as there: it
    may be meant, to climb.
    """
    if not is_number(x):
        return callable(x)
    return not isinstance(x, (bool, np.bool_)) and not (is_integer(x) and x < 0)


def is_integer(x: Any) -> bool:
    """Whether ``x`` is an integer and no boolean.

    >>> is_integer(2), is_integer(np.int64(2)), is_integer(2.0), is_integer(True)
    (True, True, False, False)
    """
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def is_axes(x: Any) -> bool:
    """Whether ``x`` is an axis, or a list or tuple of them."""
    return is_integer(x) or _is_integers(x)


def _is_integers(x: Any) -> bool:
    return isinstance(x, (list, tuple, range, np.ndarray)) and all(map(is_integer, x))


def _is_list(x: Any) -> bool:
    return isinstance(x, (list, tuple)) or (hasattr(x, "shape") and len(x.shape) > 0)


def _is_flag(x: Any) -> bool:
    return isinstance(x, (bool, np.bool_)) or (isinstance(x, (int, float)) and x in (0, 1))


def _is_array(x: Any) -> bool:
    """Whether ``x`` is a number, or a list of numbers or an array of them."""
    if is_number(x):
        return True
    if isinstance(x, (list, tuple)):
        return all(map(_is_array, x)) and len({np.shape(e) for e in x}) <= 1
    return hasattr(x, "shape") and hasattr(x, "dtype") and np.dtype(getattr(x, "dtype", "O")).kind in "biuf"


def _is_single(x: Any) -> bool:
    """Whether ``x`` is one thing, no list, dict or array of several: for what is one of a few named values."""
    return not isinstance(x, (list, tuple, dict)) and getattr(x, "shape", ()) == ()


def _is_dtype(x: Any) -> bool:
    if hasattr(x, "compute_dtype"):
        return True
    if isinstance(x, dict):  # the configuration of a policy
        return "class_name" in x
    if isinstance(x, (bool, int, float, bytes)) or not _is_single(x):
        return False
    return isinstance(x, (str, type)) or any(hasattr(x, name) for name in ("name", "as_numpy_dtype"))


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda x: is_integer(x) and x >= least


FLAG = Kind("True or False", _is_flag, none=True)
NUMBER = Kind("a number", is_number)
NUMBER_OR_NONE = Kind("a number or None", is_number, none=True)
NUMBERS = Kind("a number, or a list or array of numbers", _is_array)
NUMBER_LIST = Kind("a list or array of numbers", lambda x: _is_list(x) and _is_array(x))
INTEGER = Kind("an integer", is_integer)
INTEGER_OR_NONE = Kind("an integer or None", is_integer, none=True)
COUNT = Kind("an integer that is not negative", _at_least(0))
POSITIVE = Kind("a positive integer", _at_least(1))
AXIS = Kind("an axis, an integer", is_integer)
AXES = Kind("an axis, an integer, or a list or tuple of them", is_axes, True, TypeError)
EXTENTS = Kind("a tuple or list of integers", _is_integers)
CLASSES = Kind("a list of class numbers", _is_integers)
NAME = Kind("a string", lambda x: isinstance(x, str), none=True)
TEXT = Kind("a string", lambda x: isinstance(x, str))
PATH = Kind("a path: a string or a pathlib.Path", lambda x: isinstance(x, (str, os.PathLike)) and x != "")
PATH_TO_CHECK = Kind(PATH.words, lambda x: isinstance(x, (str, os.PathLike)), none=True)
FUNCTION = Kind("a function", callable)
FUNCTION_OR_NONE = Kind("a function or None", callable, none=True)
LIST = Kind("a list", _is_list)
DICT = Kind("a dict", lambda x: isinstance(x, Mapping))
RATE = Kind(
    "a number that is not negative, a LearningRateSchedule or a function without arguments", lambda x: _is_rate(x)
)
VERBOSITY = Kind("0, 1, 2 or 'auto'", lambda x: is_number(x) or (isinstance(x, str) and x == "auto"))
SHARE = Kind("a number from 0 to 1", is_number)
AUTO_FLAG = Kind("'auto', True or False", lambda x: _is_flag(x) or (isinstance(x, str) and x == "auto"))
WINDOW = Kind(
    "the name of a window, or an array of its weights", lambda x: isinstance(x, str) or _is_array(x), none=True
)
OUTPUT_SHAPE = Kind(
    "an integer, or a tuple of integers and None",
    lambda x: is_integer(x) or (isinstance(x, (list, tuple)) and all(e is None or is_integer(e) for e in x)),
)
CHOICE = Kind("one of the values in its documentation, and no list or array of several", _is_single, none=True)
DTYPE = Kind("the name of an element type, such as 'float32', or a dtype policy", _is_dtype, none=True)
AGGREGATION = Kind(
    "one of 'none', 'mean', 'sum' and 'only_first_replica'",
    lambda x: isinstance(x, str) and x in ("none", "mean", "sum", "only_first_replica"),
    none=True,
)
SYNCHRONIZATION = Kind(
    "one of 'none', 'auto', 'on_read' and 'on_write'",
    lambda x: isinstance(x, str) and x in ("none", "auto", "on_read", "on_write"),
    none=True,
)
BATCHES = Kind("a batch number, or two: the first and the last", lambda x: isinstance(x, str) or is_axes(x), none=True)


def _named(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


#: Arguments by name, or as ``Class.name`` where a class means something else by it. None: the class checks it itself.
KINDS: dict[str, Kind | None] = {
    **_named(
        FLAG,
        "add_history add_progbar all_ops allow_last_axis_squeeze amsgrad antialias append apply_class_balancing "
        "center centered crop_to_aspect_ratio cycle delete_checkpoint double_checkpoint "
        "exclude_embeddings expand_dims flash_attention from_logits from_sorted_ids go_backwards invert keepdims "
        "mask_zero multi_label nesterov normalize optional pad_to_aspect_ratio pad_to_max_tokens periodic power_to_db "
        "raise_error relative_step remove_diagonal renorm reset_after restore_best_weights return_sequences "
        "return_state save_best_only save_weights_only send_as_json sparse_y_pred sparse_y_true staircase stateful "
        "swap_on_epoch synchronized tie_weights unit_forget_bias unroll use_bias use_ema use_gate use_scale "
        "write_graph write_images write_steps_per_second zero_output_for_mask "
        "BatchNormalization.scale GroupNormalization.scale "
        "LayerNormalization.scale autocast Variable.trainable",
    ),
    **_named(
        NUMBER,
        "adam_beta_1 adam_beta_2 adam_lr_ratio adam_weight_decay alpha beta beta_1 beta_2 beta_2_decay clip_limit "
        "clip_threshold clipnorm clipvalue decay_rate decay_steps delta ema_momentum end_learning_rate epsilon "
        "epsilon_1 epsilon_2 first_decay_steps gain gamma global_clipnorm initial_accumulator_value "
        "initial_learning_rate initial_scale l1_regularization_strength l2_regularization_strength "
        "l2_shrinkage_regularization_strength learning_rate_power logit_soft_cap lora_alpha loss_scale_factor m_mul "
        "mag_exp margin max_freq max_value maxval min_delta min_freq min_lr min_power min_value minval momentum muon_a "
        "muon_b muon_c power precision q recall ref_power renorm_momentum rho sampling_rate "
        "sensitivity specificity t_mul threshold top_db warmup_target baseline initial_value_threshold "
        "Masking.mask_value MinMaxNorm.rate RandomNormal.mean RandomNormal.stddev TruncatedNormal.mean "
        "patience cooldown start_from_epoch ignore_class MaxNumBoundingBoxes.fill_value TruncatedNormal.stddev "
        "VarianceScaling.scale RandomPerspective.scale ReduceLROnPlateau.factor",
    ),
    **_named(SHARE, "dropout recurrent_dropout"),
    **_named(NUMBER_OR_NONE, "label_smoothing weight_decay rms_rate negative_slope ReLU.threshold"),
    **_named(
        NUMBERS,
        "value CategoricalFocalCrossentropy.alpha SparseCategoricalFocalCrossentropy.alpha Normalization.mean "
        "Normalization.variance Rescaling.scale Rescaling.offset label_weights",
    ),
    **_named(NUMBER_LIST, "boundaries values AUC.thresholds"),
    **_named(INTEGER, "class_id bins num_ops num_thresholds power_iterations"),
    **_named(INTEGER_OR_NONE, "num_bins num_tokens max_tokens num_oov_indices histogram_freq embeddings_freq"),
    **_named(COUNT, "num_regressors lora_rank ema_overwrite_frequency"),
    **_named(
        POSITIVE,
        "dynamic_growth_steps k ns_steps num_classes "
        "sequence_stride top_k num_mel_bins fft_length frame_step sequence_length",
    ),
    **_named(AXIS, "Concatenate.axis GroupNormalization.axis BatchNormalization.axis"),
    **_named(AXES, "axis attention_axes input_axes output_axes shared_axes"),
    **_named(EXTENTS, "dims target_shape"),
    **_named(CLASSES, "target_class_ids"),
    **_named(NAME, "name"),
    **_named(TEXT, "monitor separator root path field equation distribution EinsumDense.bias_axes"),
    **_named(PATH, "filepath filename log_dir"),
    **_named(PATH_TO_CHECK, "backup_dir"),
    **_named(FUNCTION, "fn schedule"),
    **_named(
        FUNCTION_OR_NONE,
        "on_epoch_begin on_epoch_end on_train_begin on_train_end on_train_batch_begin on_train_batch_end",
    ),
    **_named(LIST, "layers cells weights exclude_layers"),
    **_named(DICT, "arguments headers renorm_clipping"),
    **_named(RATE, "learning_rate"),
    **_named(VERBOSITY, "verbose"),
    **_named(AUTO_FLAG, "use_cudnn"),
    **_named(WINDOW, "window"),
    **_named(OUTPUT_SHAPE, "EinsumDense.output_shape"),
    **_named(BATCHES, "profile_batch"),
    **_named(DTYPE, "dtype"),
    **_named(AGGREGATION, "aggregation"),
    **_named(SYNCHRONIZATION, "synchronization"),
    **_named(
        CHOICE,
        "average class_aggregation fill_mode interpolation merge_mode mode oov_method oov_token output_mode ragged "
        "reduction save_freq scaling score_mode side sparse summation_method update_freq "
        "STFTSpectrogram.padding GroupNormalization.groups mask_token",
    ),
    **dict.fromkeys(
        (
            *("Layer.name", "SGD.momentum", "InputSpec.axes", "FBetaScore.beta", "FBetaScore.threshold"),
            *("F1Score.threshold", "Variable.name", "LayerNormalization.axis"),
        )
    ),
}


def cannot_take(function: Any, *args: Any, **kwargs: Any) -> str:
    """Why a function cannot be called with such arguments, empty where it can or where that is not known.

    >>> cannot_take(lambda y_true: 0, None, None)
    'it takes (y_true): too many positional arguments'
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a built-in function that does not say
        return ""
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"it takes {signature}: {error}"
    return ""


def check(owner: str, name: str, value: Any, kind: Kind, none: bool = False) -> None:
    """Raise an error for a value that is not of a kind.

    Args:
        owner: whose argument it is.
        name: the argument's name.
        value: what came.
        kind: what it must be.
        none: whether None is allowed, whatever the kind.

    Raises:
        ValueError: or the kind's error, naming all of them.
    """
    if value is None and (none or kind.none):
        return
    if value is None or not kind.accepts(value):
        also = " or None" if none and not kind.words.endswith("None") else ""
        raise kind.error(
            f"{owner}: Invalid value for argument `{name}`: it must be {kind.words}{also}. Received: "
            f"{name}={shown(value)}, of type {type(value).__name__}."
        )


_NAMES = frozenset(key.rpartition(".")[2] for key in KINDS)


class CheckedArguments:
    """Base of what has its constructor's arguments checked by `KINDS`."""

    #: Whether NumPy's integers among the arguments are made Python's: not where an argument's type means something.
    _takes_own_integers = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("__init__")
        if inspect.isfunction(init) and is_own(cls):
            code = init.__code__
            names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
            if not _NAMES.isdisjoint(names) or (names and cls._takes_own_integers):
                cls.__init__ = _checking(cls, init)  # type: ignore[misc]


def _kinds_of(cls: type) -> dict[str, tuple[int, Kind, bool]]:
    """Position, kind and whether None is allowed, of those of a constructor's parameters that have a kind."""
    owners = [base.__name__ for base in cls.__mro__]
    found = {}
    for position, (name, parameter) in enumerate(inspect.signature(cls.__init__).parameters.items()):
        keys = [f"{owner}.{name}" for owner in owners] + [name]
        kind = next((KINDS[key] for key in keys if key in KINDS), None)
        if kind is not None:
            place = sys.maxsize if parameter.kind is parameter.KEYWORD_ONLY else position
            found[name] = (place, kind, parameter.default is None)
    return found


def _checking(cls: type[CheckedArguments], init: Callable[..., None]) -> Callable[..., None]:
    kinds: dict[str, tuple[int, Kind, bool]] | None = None  # read when first needed, since most classes never are

    @functools.wraps(init)
    @short_messages
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal kinds
        if kinds is None:
            kinds = _kinds_of(cls)
        for name, (position, kind, none) in kinds.items():
            if position <= len(args):
                check(type(self).__name__, name, args[position - 1], kind, none)
            elif name in kwargs:
                check(type(self).__name__, name, kwargs[name], kind, none)
        if cls._takes_own_integers:
            args = tuple(map(with_own_integers, args))
            kwargs = {name: with_own_integers(value) for name, value in kwargs.items()}
        init(self, *args, **kwargs)

    return __init__


def with_own_integers(value: Any) -> Any:
    """A value with Python's integers for NumPy's, in lists and tuples too, so that configurations have plain numbers.

    >>> with_own_integers((np.int64(5), -1, [np.int8(2)])), with_own_integers(np.int32(3))
    ((5, -1, [2]), 3)
    """
    if isinstance(value, np.integer):
        return int(value)
    if type(value) not in (tuple, list) or not any(isinstance(e, (np.integer, tuple, list)) for e in value):
        return value
    own = [with_own_integers(e) for e in value]
    return value if all(a is b for a, b in zip(own, value)) else type(value)(own)


def arguments(values: dict[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    """A constructor's arguments by name, those in ``kwargs`` included, from the ``locals()`` at its begin.

    So a signature, which is there for people and for `inspect`, says what there is to set, and nothing repeats it.
    """
    own = {name: value for name, value in values.items() if name not in ("self", "kwargs", "__class__", *without)}
    return {**own, **values.get("kwargs", {})}
