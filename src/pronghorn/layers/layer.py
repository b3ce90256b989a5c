"""`Layer`: the base of all layers."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from pronghorn import dtype_policies, tree
from pronghorn.graph import dtypes
from pronghorn.graph import primitives as P
from pronghorn.graph.dim import SymbolicDimError
from pronghorn.graph.primitives.registry import ShapeError
from pronghorn.graph.tensor import Tensor
from pronghorn.graph.trace import TraceError, scope
from pronghorn.graph.variable import Variable
from pronghorn.layers import call as calls
from pronghorn.layers.input_spec import InputSpec, assert_input_compatibility
from pronghorn.layers.state import StatefulOperation
from pronghorn.models.infer import infer_spec
from pronghorn.models.keras_tensor import KerasTensor
from pronghorn.utils.autocast import AutocastScope
from pronghorn.utils.masking import set_mask
from pronghorn.utils.naming import NameScope, current_path


class Layer(StatefulOperation):
    """A computation with weights. Write ``__init__`` for its settings, ``build`` for its weights, ``call`` for what it does.

    Args:
        activity_regularizer: a function of the outputs that is added to the loss.
        trainable: whether training updates the weights.
        dtype: element type or dtype policy; the global policy if None.
        autocast: whether float inputs are cast to the layer's compute type.
        name: a name; automatic if None.
        kwargs: ``input_shape``, ``batch_input_shape``, ``batch_shape`` or ``input_dim``: the shape of the inputs, for
            the first layer of a `Sequential` model.

    Attributes:
        built: whether the weights exist.
        input_spec: an `InputSpec`, or a nest of them, that inputs are checked against.
        supports_masking: whether masks of the inputs apply to the outputs.

    Raises:
        ValueError: for unknown keyword arguments.

    Example:

    >>> from pronghorn import ops
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
    ...     def call(self, x):
    ...         return x * self.factor
    >>> layer = Scale()
    >>> layer(ops.ones((2, 3))).shape, layer.count_params()
    ((2, 3), 3)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        build = cls.__dict__.get("build")
        if build is not None:
            cls.build = _wrap_build(build)
            cls.build._default_build = getattr(build, "_default_build", False)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        from pronghorn import regularizers

        self._input_shape_arg = _input_shape_argument(type(self).__name__, self.name, kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        if not isinstance(trainable, bool):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: expected `trainable` to be a boolean, got trainable={trainable!r}."
            )
        self._trainable = trainable
        self._losses: list[Tensor] = []
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = False
        self.supports_jit = True
        self._path: str | None = None
        self._parent_path: str | None = None
        self._build_shapes: dict[str, Any] | None = None
        self._build_depth = 0
        self._convert_input_args = True
        self._allow_non_tensor_positional_args = False
        self._called = False

    @property
    def path(self) -> str | None:
        """Where the layer is among the layers around it, such as ``"encoder/dense"``; None before it is built."""
        return self._path

    # -- building ---------------------------------------------------------------------------------------------------
    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the weights. The default has none of its own and builds the layers below where it can."""
        self.built = True

    def _open_name_scope(self) -> NameScope:
        if self._parent_path is None:
            self._parent_path = current_path()
        return NameScope(self.name, caller=self, override_parent=self._parent_path)

    def _build_at_init(self) -> None:
        """For layers without weights: they are built once made, unless a subclass has a ``build``."""
        if _is_default(self, "build"):
            self.built = True
            self._path = current_path()

    def _finish_build(self, shapes: dict[str, Any]) -> None:
        """After the outermost ``build``: remember its shapes and close the layer for new state."""
        self.built = True
        self._build_shapes = shapes
        self._path = self._path or current_path()
        self._tracker.locked = True

    def _maybe_build(self, spec: calls.CallSpec) -> None:
        if self.built:
            return
        shapes = spec.shapes()
        if not _is_default(self, "build"):
            arguments = _build_arguments(self, shapes)
        else:
            self._build_sublayers(spec)
            arguments = {}
        with self._open_name_scope():
            self._path = current_path()
            if _is_default(self, "build"):
                self._finish_build(shapes)
            else:
                self.build(**arguments)

    def _build_sublayers(self, spec: calls.CallSpec) -> None:
        """Trace ``call``, so that layers below build themselves, before ``built`` is set."""
        if all(layer.built for layer in self._flatten_layers(include_self=False)):
            return
        def to_spec(x: Any) -> Any:
            return KerasTensor(calls.known_shape(x), x.dtype) if calls.is_tensor_like(x) else x

        with self._open_name_scope(), self._keeping_losses():
            try:
                infer_spec(self._run_call, (), tree.map_structure(to_spec, spec.given))
            except SymbolicDimError:
                return  # the call itself, on real arrays, builds them

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built with."""
        if self._build_shapes is None:
            return None
        shapes = calls.to_plain_shape(self._build_shapes)
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes} if shapes else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with the shapes that `get_build_config` gave."""
        if not config or self.built:
            return
        if "input_shape" in config:
            shape = config["input_shape"]
            if shape is not None:
                self.build(_shape_structure(shape))
        elif config.get("shapes_dict"):
            self.build(**{k: _shape_structure(v) for k, v in config["shapes_dict"].items()})
        self.built = True

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer.

        Args:
            shape: its shape; a scalar if None.
            initializer: how it starts: an initializer or its name; ``"glorot_uniform"`` for floats, ``"zeros"``
                for other types if None.
            dtype: its element type, the layer's variable type if None.
            trainable: whether training updates it.
            autocast: whether it is read in the layer's compute type.
            regularizer: a function of it that is added to the loss.
            constraint: applied to it after each update.
            aggregation: kept for compatibility.
            overwrite_with_gradient: whether optimizers put the gradient itself in its place.
            name: its name.
        """
        from pronghorn import constraints, initializers, regularizers

        shape = _weight_shape(self, shape, name)
        dtype = dtypes.name_of(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with self._open_name_scope():
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._tracker.track(variable)
        if not self.trainable:
            variable.trainable = False
        return variable

    def _track_variable(self, variable: Variable) -> None:
        self._tracker.track(variable)

    def _untrack_variable(self, variable: Variable) -> None:
        self._tracker.untrack(variable)

    def add_variable(self, *args: Any, **kwargs: Any) -> Variable:
        """Same as `add_weight`."""
        return self.add_weight(*args, **kwargs)

    # -- calling ----------------------------------------------------------------------------------------------------
    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, on arrays."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a call() method; write one.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_losses" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__() did not call super().__init__(): make that its first line."
            )
        if self._convert_input_args:
            args, kwargs = self._convert_arguments(args, kwargs)
        if not self._allow_non_tensor_positional_args:
            _check_positional(self, args)
        parameters = calls.parameters_of(self.call)
        outer = calls.current_call_context()
        context = outer or calls.CallContext(self)
        flag = None
        if "training" in kwargs and "training" not in parameters.names and not parameters.takes_kwargs:
            kwargs = dict(kwargs)
            flag = kwargs.pop("training")  # for the layers below
        spec = calls.CallSpec(parameters, args, kwargs)
        kwargs = self._fill_masks(spec, parameters, kwargs)
        training = self._resolve_training(spec, parameters, context) if flag is None else flag
        before = context.training
        try:
            calls.set_call_context(context)
            context.training = training
            if outer is None:
                self._clear_losses()
            if not self.built:
                self._maybe_build(spec)
            outputs = self._call_explained(spec, args, kwargs, training, parameters)
        finally:
            context.training = before
            calls.set_call_context(outer)
        return outputs

    def _call_explained(
        self, spec: calls.CallSpec, args: Any, kwargs: Any, training: Any, parameters: calls.Parameters
    ) -> Any:
        """Check the inputs, run the call, say in an error which layer it comes from."""
        assert_input_compatibility(self.input_spec, spec.first, self)
        symbolic = any(isinstance(x, KerasTensor) for x in tree.flatten(list(spec.tensors.values())))
        try:
            if symbolic:
                outputs = self.symbolic_call(*args, **kwargs)
            else:
                if "training" in parameters.names and training is not None:
                    kwargs = {**kwargs, "training": training} if "training" not in spec.given else kwargs
                    if spec.given.get("training", 0) is None:
                        args, kwargs = _replace_training(parameters, args, kwargs, training)
                outputs = self._run_call(*args, **kwargs)
        except (ShapeError, ValueError, TypeError) as error:
            raise self._explain(error, spec)
        if self.activity_regularizer is not None and not symbolic:
            for output in tree.flatten(outputs):
                if isinstance(output, Tensor):
                    self.add_loss(self.activity_regularizer(output) / _batch_size(output))
        self._put_masks(spec, outputs)
        return outputs

    def _run_call(self, *args: Any, **kwargs: Any) -> Any:
        """``call`` with weights in the compute type, its nodes marked with the layer's name."""
        policy_dtype = self.compute_dtype
        cast = policy_dtype if self.autocast and dtypes.is_float(policy_dtype) else None
        with self._open_name_scope(), scope(self.name), AutocastScope(cast):
            return self.call(*args, **kwargs)

    def _convert_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        policy, dtype = self._own_policy(), self.input_dtype

        def convert(x: Any) -> Any:
            return policy.convert_input(x, self.autocast, dtype)

        if not kwargs and len(args) == 1 and isinstance(args[0], Tensor):
            return (convert(args[0]),), kwargs
        with _keeping_masks(args, kwargs) as keep:
            return keep(tree.map_structure(convert, args), tree.map_structure(convert, kwargs))

    def _resolve_training(self, spec: calls.CallSpec, parameters: calls.Parameters, context: calls.CallContext) -> Any:
        """The training flag: passed here, else that of the call around this one, else the default of ``call``."""
        training = spec.given.get("training")
        if training is None:
            training = context.training
        if training is None:
            training = parameters.defaults.get("training")
        return training

    def _fill_masks(self, spec: calls.CallSpec, parameters: calls.Parameters, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Pass the inputs' masks where ``call`` has an argument for them and the caller gave none."""
        if len(spec.tensors) == 1:
            (name,) = spec.tensors
            if "mask" in parameters.names and spec.given.get("mask") is None:
                masks = calls.masks_of(spec.tensors[name])
                if calls.any_mask(masks):
                    return {**kwargs, "mask": masks}
            return kwargs
        for name, value in spec.tensors.items():
            argument = "mask" if f"{name}_mask" not in parameters.names and name == spec.first_name else f"{name}_mask"
            if argument in parameters.names and spec.given.get(argument) is None:
                masks = calls.masks_of(value)
                if calls.any_mask(masks):
                    kwargs = {**kwargs, argument: masks}
        return kwargs

    def _put_masks(self, spec: calls.CallSpec, outputs: Any) -> None:
        if isinstance(spec.first, calls.TENSORS) and not self.supports_masking:
            previous = calls.masks_of(spec.first)
        else:
            previous = calls.masks_of(spec.first) if calls.has_tensors(spec.first) else None
        if self.supports_masking:
            if previous is None and _is_default(self, "compute_mask"):
                return
            masks = self.compute_mask(spec.first, previous)
            if masks is None:
                return
            flat_outputs, flat_masks = tree.flatten(outputs), tree.flatten(masks)
            for output, mask in zip(flat_outputs, flat_masks):
                if mask is not None and isinstance(output, (Tensor, KerasTensor)) and calls.masks_of(output) is None:
                    set_mask(output, mask)
        elif calls.any_mask(previous):
            warnings.warn(
                f"Layer {self.name!r} ({type(self).__name__}) does not support masking, so the mask of its input ends "
                "here. If it should go on, set supports_masking = True in the layer.",
                stacklevel=4,
            )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs, given that of the inputs; by default the same."""
        return previous_mask

    def _explain(self, error: Exception, spec: calls.CallSpec) -> Exception:
        """Say in the error's message which layer it comes from, once."""
        if getattr(error, "_names_layer", False) or isinstance(error, (SymbolicDimError, TraceError)):
            return error
        message = str(error)
        if self.name not in message:
            shapes = ", ".join(f"{k.removesuffix('_shape')}: {v}" for k, v in spec.shapes().items())
            where = f"Layer {self.name!r} ({type(self).__name__})"
            error.args = (f"{where}: {message}" + (f" Shapes received: {shapes}." if shapes else ""),)
        error._names_layer = True  # type: ignore[attr-defined]
        return error

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        with self._keeping_losses():
            return super().symbolic_call(*args, **kwargs)

    # -- shapes -----------------------------------------------------------------------------------------------------
    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs' shape, given the inputs'; found by tracing ``call`` where a layer does not say."""
        parameters = calls.parameters_of(self.call)
        shapes: dict[str, Any] = dict(zip((f"{n}_shape" for n in parameters.names), args))
        for name, shape in kwargs.items():
            first = parameters.names[0] if parameters.names else "inputs"
            shapes[f"{first}_shape" if name == "input_shape" and f"{name}" not in shapes else name] = shape

        def to_spec(shape: Any) -> KerasTensor:
            return KerasTensor(shape, dtype=self.compute_dtype)

        tensors = {k.removesuffix("_shape"): tree.map_shape_structure(to_spec, v) for k, v in shapes.items()}
        if not self.built and not _is_default(self, "build"):
            self.build(**_build_arguments(self, {k: tree.map_structure(lambda d: d, v) for k, v in shapes.items()}))
        spec = infer_spec(self._run_call, (), tensors)
        return tree.map_structure(lambda x: x.shape if isinstance(x, KerasTensor) else x, spec)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if _is_default(self, "compute_output_shape"):

            def converted(*args: Any, **kwargs: Any) -> Any:
                args, kwargs = self._convert_arguments(args, kwargs) if self._convert_input_args else (args, kwargs)
                return self._run_call(*args, **kwargs)

            return infer_spec(converted, args, kwargs)
        spec = calls.CallSpec(calls.parameters_of(self.call), args, kwargs)
        shapes = _shape_arguments(self.compute_output_shape, spec.shapes())
        output_shape = self.compute_output_shape(**shapes)
        return tree.map_shape_structure(lambda s: KerasTensor(s, dtype=self.compute_dtype), output_shape)

    # -- configuration ----------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        from pronghorn import regularizers

        base: dict[str, Any] = {"name": self.name}
        if type(self).__init__ is not Layer.__init__ and not _overrides_get_config(type(self)):
            from pronghorn.models.operation import constructor_arguments

            base.update(constructor_arguments(self))
        base["trainable"] = self.trainable
        base["dtype"] = dtype_policies.serialize(self._dtype_policy)
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return base if _overrides_get_config(type(self)) else _accepted(type(self), base)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if not _overrides_get_config(cls):
            from pronghorn.saving import deserialize_keras_object

            config = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
        return super().from_config(config)

    # -- what is not there ------------------------------------------------------------------------------------------
    def quantize(self, mode: Any = None, **kwargs: Any) -> None:
        """Not there; use the dtype policy ``"mixed_bfloat16"``."""
        raise NotImplementedError(
            "quantize: quantized layers are not there. Use dtype='mixed_bfloat16' for smaller and faster computations."
        )

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """``layer_call`` itself: the compiler decides what is computed twice."""
        return layer_call

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return self.__repr__()


def _batch_size(output: Tensor) -> Any:
    """The extent of the first axis, as a number or, where it is symbolic, as a scalar of the graph."""
    extent = output.shape[0] if output.shape else 1
    if isinstance(extent, int):
        return float(max(extent, 1))
    return P.cast(P.extent(dim=extent), dtype=output.dtype if dtypes.is_float(output.dtype) else "float32")


def _wrap_build(build: Callable[..., Any]) -> Callable[..., Any]:
    """``build`` with what belongs around it: a name scope, and the layer marked as built after the outermost one."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> Any:
        if self._build_depth:  # super().build() inside of a build()
            return build(self, *args, **kwargs)
        self._build_depth += 1
        try:
            with self._open_name_scope():
                self._path = current_path()
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


def _is_default(layer: Any, method: str) -> bool:
    return getattr(type(layer), method) is getattr(Layer, method)


def _overrides_get_config(cls: type) -> bool:
    return any("get_config" in c.__dict__ for c in cls.__mro__ if c is not Layer and issubclass(c, Layer))


def _accepted(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """Those of the base class's arguments that the constructor of ``cls`` takes."""
    parameters = inspect.signature(cls.__init__).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return config
    return {k: v for k, v in config.items() if k in parameters}


def _shape_structure(shape: Any) -> Any:
    """Shapes from JSON, where tuples became lists."""
    return tree.map_shape_structure(lambda s: tuple(s), shape)


def _shape_arguments(method: Callable[..., Any], shapes: dict[str, Any]) -> dict[str, Any]:
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


def _build_arguments(layer: Any, shapes: dict[str, Any]) -> dict[str, Any]:
    arguments = _shape_arguments(layer.build, shapes)
    parameters = calls.parameters_of(layer.build)
    missing = [n for n in parameters.names if n not in arguments and n not in parameters.defaults]
    if missing and shapes:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): build() takes {parameters.names}, but call() was given "
            f"tensors for {[k.removesuffix('_shape') for k in shapes]}. Name the parameters of build() after those of "
            "call(), each with '_shape' added."
        )
    return arguments


def _weight_shape(layer: Layer, shape: Any, name: str | None) -> tuple[int, ...]:
    if shape is None:
        return ()
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(not hasattr(d, "__index__") for d in extents):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): the weight {name!r} would have shape {extents}, but every "
            "extent of a weight must be known. Give Input() a shape with numbers in those places."
        )
    return tuple(int(d) for d in extents)


def _check_positional(layer: Layer, args: tuple[Any, ...]) -> None:
    for value in tree.flatten(args):
        if value is not None and not isinstance(value, calls.TENSORS):
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}): positional arguments must be tensors, got {value!r} of "
                f"type {type(value).__name__}. Pass settings by keyword, and data as an array (ops.convert_to_tensor)."
            )


def _replace_training(parameters: calls.Parameters, args: Any, kwargs: Any, training: Any) -> tuple[Any, Any]:
    """Arguments with the training flag in place of a None that was passed for it."""
    if "training" in kwargs:
        return args, {**kwargs, "training": training}
    position = parameters.positional.index("training")
    return (*args[:position], training, *args[position + 1 :]), kwargs


class _keeping_masks:  # noqa: N801
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


def _input_shape_argument(cls_name: str, name: str, kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The shape, without the batch axis, that the caller gave for the inputs; the rest of ``kwargs`` is an error."""
    shape = None
    if "input_dim" in kwargs:
        shape = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        given = kwargs.pop("input_shape")
        shape = (given,) if isinstance(given, int) else None if given is None else tuple(given)
    for key in ("batch_input_shape", "batch_shape"):
        if key in kwargs:
            shape = tuple(kwargs.pop(key))[1:]
    if kwargs:
        known = ["activity_regularizer", "trainable", "dtype", "autocast", "name", "input_shape", "input_dim"]
        raise ValueError(
            f"{cls_name} {name!r}: unknown keyword arguments {kwargs}. Besides its own, every layer takes "
            f"{', '.join(known)}."
        )
    return shape


__all__ = ["InputSpec", "Layer"]
