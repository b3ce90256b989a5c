"""What happens around a layer's ``build``: scopes, which shapes to pass, and the checks of what was passed."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pronghorn import dtype_policies, layers, tree
from pronghorn._lazy import nearest_clause
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.strings import holds_text
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import is_own
from pronghorn.layers import call as calls
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.rows import WHOLE
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.masking import set_mask
from pronghorn.utils.naming import current_path

if TYPE_CHECKING:
    from pronghorn.layers.layer import Layer


def batch_size(output: Tensor) -> Any:
    """The extent of the first axis, as a number or, where it is symbolic, as a scalar of the graph."""
    extent = output.shape[0] if output.shape else 1
    if isinstance(extent, int):
        return float(max(extent, 1))
    return P.cast(P.extent(dim=extent), dtype=output.dtype if dtypes.is_float(output.dtype) else "float32")


def wrap_build(build: Callable[..., Any]) -> Callable[..., Any]:
    """``build`` with what belongs around it: a name scope, and the layer marked as built after the outermost one."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> Any:
        if self._build_depth:  # super().build() inside of a build()
            return build(self, *args, **kwargs)
        self._build_depth += 1
        try:
            with self._open_name_scope():
                self._path = current_path()
                self._refuse_quantization()
                result = build(self, *args, **kwargs)
                try:
                    shapes = inspect.signature(build).bind(self, *args, **kwargs).arguments
                except TypeError:
                    shapes = {}
                self._finish_build({k: v for k, v in list(shapes.items())[1:] if v is not None})
            return result
        finally:
            self._build_depth -= 1

    wrapped._pronghorn_wrapped = True  # type: ignore[attr-defined]
    return wrapped


def is_default(layer: Any, method: str) -> bool:
    """Whether a layer's class leaves a method as `Layer` (or `Model`) has it."""
    found = getattr(type(layer), method)
    return found is getattr(layers.Layer, method) or getattr(found, "_default_build", False)


def builds_without_shapes(layer: Any) -> bool:
    """Whether a layer has a ``build`` of its own that can do without the shapes of inputs, as an `Embedding`'s."""
    parameters = calls.parameters_of(layer.build)
    return not is_default(layer, "build") and set(parameters.names) <= parameters.defaults.keys()


def overrides_get_config(cls: type) -> bool:
    """Whether a layer's class, or one between it and `Layer`, writes a ``get_config``."""
    base = layers.Layer
    return any("get_config" in c.__dict__ for c in cls.__mro__ if c is not base and issubclass(c, base))


def accepted(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """Those of the base class's arguments that the constructor of ``cls`` takes."""
    parameters = inspect.signature(cls.__init__).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return config
    return {k: v for k, v in config.items() if k in parameters}


def with_plain_dtype(config: dict[str, Any]) -> dict[str, Any]:
    """A layer's configuration with the dtype policy by its name, which constructors of users may expect."""
    if not isinstance(config.get("dtype"), dict):
        return config
    policy = dtype_policies.deserialize(config["dtype"])
    return {**config, "dtype": policy.name if type(policy) is dtype_policies.DTypePolicy else policy}


def shape_structure(shape: Any) -> Any:
    """Shapes from JSON, where tuples became lists."""
    return tree.map_shape_structure(lambda s: tuple(s) if isinstance(s, list) else s, shape)


def shape_arguments(method: Callable[..., Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """The shapes to pass to ``build`` or ``compute_output_shape``, by the names of its parameters."""
    parameters = calls.parameters_of(method)
    if not shapes:
        return {}
    matching = {k: v for k, v in shapes.items() if k in parameters.names or parameters.takes_kwargs}
    named = [k for k in matching if k in parameters.names]
    if named:
        return {k: matching[k] for k in (matching if parameters.takes_kwargs else named)}
    if parameters.names:
        return {parameters.names[0]: next(iter(shapes.values()))}
    return matching


def build_arguments(layer: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    """The shapes to pass to a layer's ``build``."""
    arguments = shape_arguments(layer.build, shapes)
    parameters = calls.parameters_of(layer.build)
    missing = [n for n in parameters.names if n not in arguments and n not in parameters.defaults]
    if missing and not shapes and layer._allow_non_tensor_positional_args:
        return dict.fromkeys(missing)  # a layer of strings, say, which has no use for a shape
    if missing and not shapes:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) was called on None or on something else that is no array, "
            "so the shape to build it for is not known. Did a function before it return nothing?"
        )
    if missing:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): build() has the "
            f"{_why_not_a_shape(layer, missing[0])}. Name the parameters of build() after those of call() that are "
            f"tensors, each with '_shape' added; here {list(shapes)}."
        )
    return arguments


def _why_not_a_shape(layer: Any, name: str) -> str:
    """What is wrong with a parameter of a ``build`` that goes with no tensor given to ``call``."""
    wanted = name.removesuffix("_shape")
    if wanted == name:
        return f"argument `{name}`, whose name has no `_shape` at its end"
    if wanted not in calls.parameters_of(layer.call).names:
        return f"argument `{name}`, but `call()` takes no `{wanted}`"
    return f"argument `{name}`, but call() was given no tensor for `{wanted}`"


def weight_arguments(layer: Layer, args: tuple[Any, ...], *by_keyword: Any) -> list[Any]:
    """The shape, initializer and dtype that `Layer.add_weight` was given, by position or by keyword.

    Raises:
        TypeError: if there are more positional arguments.
        ValueError: if one is given twice, or a name is where the shape belongs, as older Keras had it.
    """
    where = f"Layer {layer.name!r} ({type(layer).__name__}): add_weight()"
    if args and isinstance(args[0], str):
        raise ValueError(
            f"{where} got the string {args[0]!r} in place of the shape. Pass the name of a weight as a keyword "
            f"argument: add_weight(name={args[0]!r}, shape=...)."
        )
    if len(args) > 3:
        raise TypeError(
            f"{where} takes at most 3 positional arguments, the shape, the initializer and the dtype, got {len(args)}: "
            f"{args!r}. Pass the others by keyword."
        )
    given = list(by_keyword)
    for i, (name, value) in enumerate(zip(("shape", "initializer", "dtype"), args)):
        if by_keyword[i] is not None:
            raise ValueError(
                f"{where}: `{name}` came twice, by its place as {value!r} and by its name as {by_keyword[i]!r}. Pass "
                "it once."
            )
        given[i] = value
    return given


def weight_shape(layer: Layer, shape: Any, name: str | None) -> tuple[int, ...]:
    """The shape of a weight, which must be numbers."""
    if shape is None:
        return ()
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(not hasattr(d, "__index__") for d in extents):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): the weight {name!r} would have shape {extents}, but every "
            "extent of a weight must be known. Give Input() a shape with numbers in those places."
        )
    return tuple(int(d) for d in extents)


@contextlib.contextmanager
def naming_containers(layer: Layer, inputs: Any) -> Iterator[None]:
    """Have a failure to build for a list or dict of arrays say so, where the layer takes one array."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError) as error:
        if not isinstance(inputs, (list, tuple, dict)) or not isinstance(layer.input_spec, InputSpec):
            raise
        kind = type(inputs).__name__
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) takes one array, but was called on a {kind} of "
            f"{len(inputs)}. Take the array out of the {kind}."
        ) from error


def is_users(layer: Layer) -> bool:
    """Whether what a layer computes is written by the user."""
    return not is_own(type(layer).call)


def check_positional(layer: Layer, args: tuple[Any, ...]) -> bool:
    """Raise an error where a positional argument of a call is no tensor; whether one is rows of different lengths."""
    has_rows = False
    for value in tree.flatten(args):
        if holds_text(value) and not isinstance(value, str):
            if layer._takes_text or is_users(layer) or any(layer._flatten_layers(include_self=False)):
                continue  # a function of the user's, or one of the layers inside, makes numbers of it
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) takes numbers, got strings of shape "
                f"{getattr(value, 'shape', ())}. Turn them into numbers first, for example with a StringLookup or "
                "TextVectorization layer."
            )
        if value is not None and not isinstance(value, calls.TENSORS):
            if isinstance(value, RaggedTensor):
                has_rows = layer._takes_rows != WHOLE and not is_users(layer)
                continue
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}): arguments without a name are its inputs, which are "
                f"tensors, got {value!r} of type {type(value).__name__}. Pass settings by keyword, data as an array "
                "(ops.convert_to_tensor)."
            )
    return has_rows


def replace_training(parameters: calls.Parameters, args: Any, kwargs: Any, training: Any) -> tuple[Any, Any]:
    """Arguments with the training flag in place of a None that was passed for it."""
    if "training" in kwargs:
        return args, {**kwargs, "training": training}
    position = parameters.positional.index("training")
    return (*args[:position], training, *args[position + 1 :]), kwargs


class KeepingMasks:
    """Masks of tensors that a conversion replaces go to what replaces them."""

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.before = (args, kwargs)

    def __enter__(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        return self._keep

    def __exit__(self, *error: object) -> None:
        pass

    def _keep(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        for old, new in zip(tree.flatten(self.before), tree.flatten((args, kwargs))):
            if old is not new and isinstance(old, (Tensor, KerasTensor)) and isinstance(new, (Tensor, KerasTensor)):
                mask = calls.masks_of(old)
                if mask is not None:
                    set_mask(new, mask)
        return args, kwargs


#: What every layer takes, besides arguments of its own; and older names of the shape of its inputs.
COMMON_ARGUMENTS = ("activity_regularizer", "trainable", "dtype", "autocast", "name", "input_shape", "input_dim")
OLDER_SHAPE_ARGUMENTS = ("batch_input_shape", "batch_shape")


def input_shape_argument(cls: type, name: str, kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The shape, without the batch axis, that the caller gave for the inputs; the rest of ``kwargs`` is an error."""
    shape = None
    if "input_dim" in kwargs:
        shape = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        given = kwargs.pop("input_shape")
        shape = (given,) if isinstance(given, int) else None if given is None else tuple(given)
    for key in OLDER_SHAPE_ARGUMENTS:
        if key in kwargs:
            shape = tuple(kwargs.pop(key))[1:]
    if kwargs:
        own = [n for n, p in inspect.signature(cls.__init__).parameters.items() if p.kind is not p.VAR_KEYWORD][1:]
        hint = nearest_clause(next(iter(kwargs)), {*own, *COMMON_ARGUMENTS})
        raise ValueError(
            f"{cls.__name__} {name!r}: unknown keyword arguments {kwargs}{hint}. Besides its own, every layer takes "
            f"{', '.join(COMMON_ARGUMENTS)}."
        )
    return shape
