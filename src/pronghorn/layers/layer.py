"""`Layer`: the base of all layers."""

from __future__ import annotations

import contextlib
from typing import Any, Unpack

from pronghorn import constraints, dtype_policies, initializers, regularizers, tree
from pronghorn.engine.backends.foreign_calls import as_it_is, keeping, on_its_engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import TraceError, scope, state
from pronghorn.engine.graph.dim import SymbolicDimError
from pronghorn.engine.graph.primitives.registry import ShapeError
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.layers import call as calls
from pronghorn.layers.arguments import ShapeArguments
from pronghorn.layers.building import (
    KeepingMasks,
    accepted,
    batch_size,
    build_arguments,
    builds_without_shapes,
    check_positional,
    input_shape_argument,
    is_default,
    is_users,
    naming_containers,
    overrides_get_config,
    replace_training,
    shape_arguments,
    shape_structure,
    weight_arguments,
    weight_shape,
    with_plain_dtype,
    wrap_build,
)
from pronghorn.layers.exactness import ExactConvolutions
from pronghorn.layers.input_spec import InputSpec, assert_input_compatibility
from pronghorn.layers.own_code import state_of_call
from pronghorn.layers.quantization.requests import QuantizationRequests
from pronghorn.layers.rows import call_on_rows, infer_spec_on_rows, rows_by_position, spec_of_rows
from pronghorn.layers.state import StatefulOperation
from pronghorn.placement.active import distribution as in_force
from pronghorn.serialization.objects import deserialize_keras_object
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.symbolic.node import Node
from pronghorn.symbolic.operation import constructor_arguments
from pronghorn.utils.autocast import AutocastScope, autocast_scope
from pronghorn.utils.masking import get_mask, set_mask
from pronghorn.utils.naming import NameScope, current_path
from pronghorn.variables import Variable


def _has_no_values(x: Any) -> bool:
    return isinstance(x, KerasTensor) or getattr(x, "is_traced", False)


@as_it_is
class Layer(QuantizationRequests, ExactConvolutions, StatefulOperation):
    """A computation with weights: ``__init__`` has its settings, ``build`` its weights, ``call`` what it does.

    Args:
        activity_regularizer: a function of the outputs that is added to the loss.
        trainable: whether training updates the weights.
        dtype: element type or dtype policy; the global policy if None.
        autocast: whether float inputs are cast to the layer's compute type, and its weights where it is called by
            another layer in mixed precision.
        name: a name; automatic if None.
        kwargs: ``input_shape``, ``batch_input_shape``, ``batch_shape`` or ``input_dim``: the shape of the inputs, for
            the first layer of a `Sequential` model.

    Attributes:
        built: whether the weights exist.
        input_spec: an `InputSpec`, or a nest of them, that inputs are checked against.
        supports_masking: whether masks of the inputs apply to the outputs; from the start, whether the class has a
            `compute_mask` of its own.

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

    _takes_own_integers = True
    _is_model = False  # what files of models ask, which know no class of a model
    _is_graph_of_layers = False
    is_known_by_description = True  # see `serialization.sharing`

    #: Whether ``call`` on arrays looks at their values or runs code of the user's, so that it is not to be compiled.
    _looks_at_values = False

    #: Whether ``call`` takes strings, and runs in front of the compiled part where it does.
    _takes_text = False

    #: What it makes of rows of different lengths; see `layers/rows.py`.
    _takes_rows: str | None = None

    #: Whether arguments become tensors of the layer's types before ``call`` sees them.
    _convert_input_args = True

    #: Whether the positional arguments of a call may be other than arrays.
    _allow_non_tensor_positional_args = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        build = cls.__dict__.get("build")
        if build is not None:
            cls.build = wrap_build(build)
            cls.build._default_build = getattr(build, "_default_build", False)

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Unpack[ShapeArguments],
    ) -> None:
        super().__init__(name=name)

        self._input_shape_arg = input_shape_argument(type(self), self.name, kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        if not isinstance(trainable, bool):
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: `trainable` has to be a boolean, got trainable={trainable!r}."
            )
        self._trainable = trainable
        self._losses: list[Tensor] = []
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = not is_default(self, "compute_mask")
        self.supports_jit = True
        self._path: str | None = None
        self._parent_path: str | None = None
        self._build_shapes: dict[str, Any] | None = None
        self._build_depth = 0
        self._called = False
        self._call_context_args = frozenset(("training",))

    @property
    def path(self) -> str | None:
        """Where the layer is among the layers around it, such as ``"encoder/dense"``; None before it is built."""
        return self._path

    # -- building ---------------------------------------------------------------------------------------------------
    def build(self, *args: Any, **kwargs: Any) -> None:
        """Make the weights. The default has none of its own and builds the layers below where it can."""
        with self._open_name_scope():
            self._path = self._path or current_path()
        self.built = True

    def _open_name_scope(self) -> NameScope:
        if self._parent_path is None:
            self._parent_path = current_path()
        return NameScope(self.name, caller=self, override_parent=self._parent_path)

    def _build_at_init(self) -> None:
        """For layers without weights: they are built once made, unless a subclass has a ``build``."""
        if is_default(self, "build"):
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
        if not is_default(self, "build"):
            arguments = build_arguments(self, shapes)
        else:
            self._build_sublayers(spec)
            arguments = {}
        with self._open_name_scope():
            self._path = current_path()
            if is_default(self, "build"):
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
            except TraceError:  # it wants values, which there are in a call with arrays
                if state.foreign is None and any(map(_has_no_values, tree.flatten(spec.given))):
                    raise

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built with."""
        if self._build_shapes is None:
            return None
        if not self._build_shapes and builds_without_shapes(self):
            return {"shapes_dict": {}}
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
                self.build(shape_structure(shape))
        elif config.get("shapes_dict") or ("shapes_dict" in config and builds_without_shapes(self)):
            self.build(**{k: shape_structure(v) for k, v in config["shapes_dict"].items()})
        self.built = True

    def add_weight(
        self,
        *args: Any,
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
            args: ``shape``, ``initializer`` and ``dtype`` may be passed by position.
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

        Raises:
            TypeError: if more is passed by position.
            ValueError: for a shape that is not known, or that is a string: a name in the shape's place.
        """
        shape, initializer, dtype = weight_arguments(self, args, shape, initializer, dtype)
        shape = weight_shape(self, shape, name)
        dtype = dtypes.name_of(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        # A constructor that makes a weight says nothing yet of where the layer is going to be.
        with NameScope(self.name, caller=self, override_parent=self._parent_path):
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
        raise NotImplementedError(
            f"{type(self).__name__} {self.name!r} has no call(), which computes the outputs from the inputs: write one."
        )

    @on_its_engine
    @keeping(state_of_call)
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_losses" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__() did not call super().__init__(): make that its first line."
            )
        if self._convert_input_args:
            args, kwargs = self._convert_arguments(args, kwargs)
        if not args:
            args, kwargs = rows_by_position(self, kwargs)
        if not self._allow_non_tensor_positional_args and check_positional(self, args):
            return call_on_rows(self, args, kwargs)
        parameters = calls.parameters_of(self.call)
        outer = calls.current_call_context()
        context = outer or calls.CallContext(self)
        flag = None
        if "training" in kwargs and "training" not in parameters.names and not parameters.takes_kwargs:
            kwargs = dict(kwargs)
            flag = kwargs.pop("training")  # for the layers below
        values = before_values = context.values
        if len(self._call_context_args) > 1:
            names = self._call_context_args - {"training"}
            kwargs, values = calls.resolve_context_arguments(names, parameters, args, kwargs, context)
        try:
            spec = calls.CallSpec(parameters, args, kwargs)
        except TypeError as error:
            raise TypeError(
                f"Layer {self.name!r} ({type(self).__name__}) takes {', '.join(parameters.names)}: {error}."
            ) from None
        kwargs = self._fill_masks(spec, parameters, kwargs)
        training = self._resolve_training(spec, parameters, context) if flag is None else flag
        before = context.training
        self._called = True
        try:
            calls.set_call_context(context)
            context.training, context.values = training, values
            if outer is None:
                self._clear_losses()
            if not self.built:
                assert_input_compatibility(self.input_spec, spec.first, self)
                with naming_containers(self, spec.first):
                    self._maybe_build(spec)
            outputs = self._call_explained(spec, args, kwargs, training, parameters)
        finally:
            context.training, context.values = before, before_values
            calls.set_call_context(outer)
        return outputs

    def _register_call_context_args(self, *names: str) -> None:
        """Have arguments go, as ``training`` does, from a call of this layer to layers inside that register them too.

        Args:
            names: of the arguments. This layer's ``call`` may have them, but need not.

        Raises:
            RuntimeError: if the layer has been called.
        """
        if self._called:
            raise RuntimeError(
                f"Layer {self.name!r} ({type(self).__name__}) has been called, so it is too late to register the "
                f"call-context arguments {names}: do it in __init__(), or at least before the first call."
            )
        self._call_context_args = self._call_context_args | set(names)

    def _call_explained(
        self, spec: calls.CallSpec, args: Any, kwargs: Any, training: Any, parameters: calls.Parameters
    ) -> Any:
        """Check the inputs, run the call, say in an error which layer it comes from."""
        assert_input_compatibility(self.input_spec, spec.first, self)
        masks = spec.given.get("mask") if spec.first_name != "mask" else None
        if masks is None and calls.has_tensors(spec.first):
            masks = calls.masks_of(spec.first)  # as they are now: the call may change them
        symbolic = any(isinstance(x, KerasTensor) for x in tree.flatten(list(spec.tensors.values())))
        try:
            if symbolic:
                outputs = self.symbolic_call(*args, **kwargs)
                Node(self, args, self._recorded(spec, args, kwargs), outputs)
            else:
                if "training" in parameters.names and training is not None:
                    kwargs = {**kwargs, "training": training} if "training" not in spec.given else kwargs
                    if spec.given.get("training", 0) is None:
                        args, kwargs = replace_training(parameters, args, kwargs, training)
                outputs = self._run_call(*args, **kwargs)
        except (ShapeError, ValueError, TypeError) as error:
            self._explain(error, spec)
            raise
        if (distribution := in_force()) is not None and not symbolic:
            outputs = self._relaid(outputs, distribution)
        if self.activity_regularizer is not None and not symbolic:
            for output in tree.flatten(outputs):
                if isinstance(output, Tensor):
                    self.add_loss(self.activity_regularizer(output) / batch_size(output))
        self._put_masks(spec, outputs, masks)
        if not symbolic and not self.supports_masking and "mask" not in parameters.names and calls.any_mask(masks):
            outputs = calls.without_masks_of(spec, outputs)
        return outputs

    def _relaid(self, outputs: Any, distribution: Any) -> Any:
        """Traced outputs, to lie on devices as the distribution says of ``<path>/output``."""
        with self._open_name_scope():
            path = f"{current_path()}/output"
        return tree.map_structure(lambda x: distribution.output(x, path) if isinstance(x, Tensor) else x, outputs)

    def _run_call(self, *args: Any, **kwargs: Any) -> Any:
        """``call`` with weights in the type of the policy, its nodes marked with the layer's name."""
        summing = self._summing() if self._exact_convolutions else contextlib.nullcontext()
        with self._open_name_scope(), scope(self.name), self._autocast_scope(), summing:
            if self._remat_mode is None or not self.built:
                return self._call_of_mode()(*args, **kwargs)
            return self._call_in_regions(args, kwargs)

    def _call_in_regions(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``call`` as the layer's `RematScope` has it, with what is added to the loss among the results."""
        below = self._flatten_layers()

        def whole(*args: Any, **kwargs: Any) -> Any:
            counts = [len(layer._losses) for layer in below]
            outputs = self._call_of_mode()(*args, **kwargs)
            losses = [layer._losses[n:] for layer, n in zip(below, counts)]
            for layer, n in zip(below, counts):
                del layer._losses[n:]
            return outputs, losses

        outputs, losses = self.rematerialized_call(whole, *args, **kwargs)(*args, **kwargs)
        for layer, added in zip(below, losses):
            layer._losses.extend(added)
        return outputs

    def _autocast_scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where weights are read in the compute type: in mixed precision, and in layers inside of such a layer.

        ``autocast=False`` keeps the weights of a layer inside as they are stored; that of the outermost layer is about
        its inputs alone, as in Keras.
        """
        compute = self.compute_dtype
        if autocast_scope() is None:
            return contextlib.nullcontext() if compute == self.variable_dtype else AutocastScope(compute)
        return AutocastScope(compute if self.autocast and dtypes.is_float(compute) else None)

    def _convert_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        policy, dtype = self._own_policy(), self.input_dtype

        def convert(x: Any) -> Any:
            return policy.convert_input(x, self.autocast, dtype)

        if not kwargs and len(args) == 1 and isinstance(args[0], Tensor):
            converted = convert(args[0])
            if converted is not args[0] and (mask := get_mask(args[0])) is not None:
                set_mask(converted, mask)
            return (converted,), kwargs
        with KeepingMasks(args, kwargs) as keep:
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
        """Pass the inputs' masks where ``call`` has an argument for them and the caller gave none.

        It is ``mask`` for a single tensor, ``<its name>_mask`` for each of several: an RNN called on a masked sequence
        and an initial state thus runs over all steps, as in Keras, unless it is given the mask.
        """
        if len(spec.tensors) == 1:
            (name,) = spec.tensors
            if "mask" in parameters.names and spec.given.get("mask") is None:
                masks = calls.masks_of(spec.tensors[name])
                if calls.any_mask(masks):
                    return {**kwargs, "mask": masks}
            return kwargs
        for name, value in spec.tensors.items():
            argument = f"{name}_mask"  # never `mask`: whose it is would not be clear
            if argument in parameters.names and spec.given.get(argument) is None:
                masks = calls.masks_of(value)
                if calls.any_mask(masks):
                    kwargs = {**kwargs, argument: masks}
        return kwargs

    def _put_masks(self, spec: calls.CallSpec, outputs: Any, previous: Any) -> None:
        """Give the outputs their masks, which follow from those of the inputs."""
        if self.supports_masking:
            if previous is None and is_default(self, "compute_mask"):
                return
            masks = self.compute_mask(spec.first, previous)
            if masks is None:
                return
            flat_outputs, flat_masks = tree.flatten(outputs), tree.flatten(masks)
            for output, mask in zip(flat_outputs, flat_masks):
                if mask is not None and isinstance(output, (Tensor, KerasTensor)) and calls.masks_of(output) is None:
                    set_mask(output, mask)
        elif calls.any_mask(previous) and "mask" not in calls.parameters_of(self.call).names:
            warn(
                f"Layer {self.name!r} ({type(self).__name__}) does not support masking, so the mask of its input ends "
                "here. If it should go on, set supports_masking = True in the layer."
            )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs, given that of the inputs; by default the same."""
        return previous_mask

    def _explain(self, error: Exception, spec: calls.CallSpec) -> None:
        """Say in the error's message which layer it comes from, once."""
        if getattr(error, "_names_layer", False) or isinstance(error, (SymbolicDimError, TraceError)):
            return
        message = str(error)
        if repr(self.name) not in message:
            shapes = ", ".join(f"{k.removesuffix('_shape')}: {v}" for k, v in spec.shapes().items())
            where = f"Layer {self.name!r} ({type(self).__name__})"
            error.args = (f"{where}: {message}" + (f" Shapes received: {shapes}." if shapes else ""),)
        error._names_layer = True  # type: ignore[attr-defined]

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        with self._keeping_losses():
            seen, named = self._as_call_sees(args, kwargs) if self._convert_input_args else (args, kwargs)
            return spec_of_rows(self, seen, self.compute_output_spec(*seen, **named))

    def _recorded(self, spec: calls.CallSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments that a model keeps of this symbolic call.

        As in Keras, the mask of a single array, passed alone and in the type that ``call`` takes, is kept as an
        argument; masks of others are those that the arrays carry when the model runs.
        """
        if not self._convert_input_args:
            return kwargs
        given = {k: v for k, v in kwargs.items() if k in spec.given}
        alone = not given and len(args) == 1 and isinstance(args[0], calls.TENSORS)
        return kwargs if alone and args[0].dtype == self.input_dtype else given

    def _as_call_sees(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Symbolic arguments in the type that ``call`` gets them in. No node of a model stands for that cast."""
        dtype = self.input_dtype

        def seen(x: Any) -> Any:
            if not isinstance(x, KerasTensor) or not self.autocast or not dtypes.is_float(x.dtype) or x.dtype == dtype:
                return x
            return KerasTensor(x.shape, dtype=dtype, ragged=x.ragged)

        with KeepingMasks(args, kwargs) as keep:
            return keep(tree.map_structure(seen, args), tree.map_structure(seen, kwargs))

    # -- shapes -----------------------------------------------------------------------------------------------------
    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs' shape, given the inputs'; found by tracing ``call`` where a layer does not say."""
        if is_default(self, "call"):
            raise NotImplementedError(
                f"{type(self).__name__} {self.name!r} has neither compute_output_shape() nor a call() to find "
                "the shape with: write one of them."
            )
        parameters = calls.parameters_of(self.call)
        shapes: dict[str, Any] = dict(zip((f"{n}_shape" for n in parameters.names), args))
        for name, shape in kwargs.items():
            first = parameters.names[0] if parameters.names else "inputs"
            shapes[f"{first}_shape" if name == "input_shape" and f"{name}" not in shapes else name] = shape

        def to_spec(shape: Any) -> KerasTensor:
            return KerasTensor(shape, dtype=self.compute_dtype)

        tensors = {k.removesuffix("_shape"): tree.map_shape_structure(to_spec, v) for k, v in shapes.items()}
        if not self.built and not is_default(self, "build"):
            self.build(**build_arguments(self, {k: tree.map_structure(lambda d: d, v) for k, v in shapes.items()}))
        spec = infer_spec(self._run_call, (), tensors)
        return tree.map_structure(lambda x: x.shape if isinstance(x, KerasTensor) else x, spec)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if is_default(self, "compute_output_shape"):

            def converted(*args: Any, **kwargs: Any) -> Any:
                args, kwargs = self._convert_arguments(args, kwargs) if self._convert_input_args else (args, kwargs)
                return self._run_call(*args, **kwargs)

            infer = infer_spec_on_rows if is_users(self) else infer_spec
            return infer(converted, args, kwargs)
        spec = calls.CallSpec(calls.parameters_of(self.call), args, kwargs)
        shapes = shape_arguments(self.compute_output_shape, spec.shapes())
        output_shape = self.compute_output_shape(**shapes)
        return tree.map_shape_structure(lambda s: KerasTensor(s, dtype=self.compute_dtype), output_shape)

    # -- configuration ----------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data."""
        base: dict[str, Any] = {"name": self.name}
        if type(self).__init__ is not Layer.__init__ and not overrides_get_config(type(self)):
            base.update(constructor_arguments(self))
        base["trainable"] = self.trainable
        base["dtype"] = dtype_policies.serialize(self._dtype_policy)
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return base if overrides_get_config(type(self)) else accepted(type(self), base)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = with_plain_dtype(config)
        if not overrides_get_config(cls):
            config = {k: deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
        return super().from_config(config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return self.__repr__()


__all__ = ["InputSpec", "Layer"]
