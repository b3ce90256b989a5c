"""`EinsumDense`: a dense layer for any contraction."""

from __future__ import annotations

import copy
import functools
import math
import re
import string
from dataclasses import dataclass
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.initializers import VarianceScaling
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.core.lora import LoraKernel
from pronghorn.layers.layer import Layer
from pronghorn.layers.quantization.quantizable import QuantizableProduct
from pronghorn.layers.quantization.weights import Alignment, Product, QuantizedWeight


class EinsumDense(QuantizableProduct, LoraKernel, Layer):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: such as ``"ab,bc->ac"``: of the inputs and the kernel.
        output_shape: the outputs' shape without the batch; None where it is that of the inputs.
        activation: applied to the result; none if None.
        bias_axes: the letters of the outputs' axes that the bias has; no bias if None.
        kernel_initializer: how the kernel starts.
        bias_initializer: how the bias starts.
        kernel_regularizer: a function of the kernel that is added to the loss.
        bias_regularizer: the same for the bias.
        kernel_constraint: applied to the kernel after each update.
        bias_constraint: applied to the bias after each update.
        lora_rank: freeze the kernel and train an update of this rank.
        lora_alpha: see `enable_lora`.
        gptq_unpacked_column_size: of how many outputs the kernel is that is loaded from a file in four bits; as it is
            told by the shapes, it is not used.
        quantization_config: a `quantizers.QuantizationConfig`, for a ``dtype`` that is the policy of its mode; see
            `quantize`.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if the equation is none, or the shapes do not fit it.

    Example:

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")(ops.ones((2, 5, 3))).shape
    (2, 5, 8)
    """

    setting_names = (
        "equation",
        "activation",
        "bias_axes",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "activity_regularizer",
    )

    _quantization_modes = ("int8", "int4", "float8", "gptq", "awq", "static_int8", "fake_int8")

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        settings.take_named(self, locals(), self.setting_names)
        self.quantization_config = quantization_config
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank

    def build(self, input_shape: Any) -> None:
        kernel_shape, bias_shape, self.full_output_shape = analyze_equation(
            self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape
        )
        if not self._is_built_quantized(kernel_shape):
            self._kernel = settings.weight(self, "kernel", kernel_shape, initializer=self._initializer_for_equation())
        self.bias = None
        if bias_shape is not None:
            self.bias = settings.weight(self, "bias", bias_shape)
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def _initializer_for_equation(self) -> Any:
        """The kernel's initializer, told which of the kernel's axes are inputs and which outputs."""
        initializer = self.kernel_initializer
        if not isinstance(initializer, VarianceScaling):
            return initializer
        if initializer.input_axes is not None or initializer.output_axes is not None:
            return initializer
        inputs, kernel, outputs = _EQUATION.match(self.equation).group(2, 4, 6)
        told = copy.copy(initializer)
        told.input_axes = tuple(i for i, c in enumerate(kernel) if c in inputs and c not in outputs)
        told.output_axes = tuple(i for i, c in enumerate(kernel) if c in outputs and c not in inputs)
        return told

    @property
    def kernel(self) -> Any:
        if not self.built:
            raise AttributeError(f"Layer {self.name!r} has no kernel before it is built.")
        return self._with_lora(self._whole("_kernel"))

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self._finished(ops.einsum(self.equation, inputs, self.kernel), self.bias)

    def _letters(self) -> _Letters:
        return _letters(self.equation, len(self.full_output_shape))

    def _product(self, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        return self._letters().product(self.equation, weights)

    def _weights_to_quantize(self, shape: Any = None) -> tuple[QuantizedWeight, ...]:
        shape = tuple(self._kernel.shape if shape is None else shape)
        letters = self._letters()
        reduced = letters.missing(letters.kernel, letters.outputs)
        rows = math.prod(shape[axis] for axis in reduced)
        matrix = (rows, math.prod(n for axis, n in enumerate(shape) if axis not in reduced))
        scale, by_data = letters.alignment(letters.kernel), _by_data(shape, matrix)
        return (QuantizedWeight("_kernel", "kernel", shape, reduced, scale, matrix, by_data=by_data),)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return analyze_equation(self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape)[2]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            **settings.give(self, *self.setting_names),
            **self._quantization_settings(),
            **self._lora_config(),
        }


_EQUATION = re.compile(r"^\s*(\.\.\.)?([a-zA-Z]+)(\.\.\.)?\s*,\s*([a-zA-Z]+)\s*->\s*(\.\.\.)?([a-zA-Z]+)(\.\.\.)?\s*$")


@dataclass(frozen=True)
class _Letters:
    """The axes of an equation, each with a letter, those of its ellipsis too."""

    inputs: str
    kernel: str
    outputs: str

    @staticmethod
    def missing(axes: str, others: str) -> tuple[int, ...]:
        """Where axes are that others have not."""
        return tuple(place for place, letter in enumerate(axes) if letter not in others)

    def alignment(self, axes: str) -> Alignment:
        """How scales of the inputs or of the kernel are kept, so that outputs can be divided by them."""
        kept = [letter for letter in axes if letter in self.outputs]
        order = sorted(range(len(kept)), key=lambda place: self.outputs.index(kept[place]))
        return Alignment(self.missing(axes, self.outputs), tuple(order), self.missing(self.outputs, axes))

    def rows(self, inputs: Any) -> Any:
        """The inputs as a matrix that is multiplied by the kernel as one of what is summed over and the outputs."""
        summed = [letter for letter in self.kernel if letter not in self.outputs]
        others = [letter for letter in self.inputs if letter in self.outputs]
        turned = ops.einsum(f"{self.inputs}->{''.join(others + summed)}", inputs)
        return ops.reshape(turned, (-1, math.prod(turned.shape[len(others) :])))

    def is_matrix(self, weight: QuantizedWeight) -> bool:
        """Whether the kernel, as `QuantizedWeight.by_data` has it, is one of what is summed over and the outputs."""
        summed = self.missing(self.kernel, self.outputs)
        shared = set(self.kernel) & set(self.inputs) & set(self.outputs)
        return summed == tuple(range(len(summed))) and not shared and weight.by_data == weight.matrix

    def product(self, equation: str, weights: tuple[QuantizedWeight, ...] = ()) -> Product:
        """The product of the equation. Inputs that are summed before it share their gradient."""
        shared = self.missing(self.inputs, self.outputs + self.kernel)
        kept = "".join(letter for place, letter in enumerate(self.inputs) if place not in shared)

        def gradient(upstream: Any, kernel: Any, inputs: Any) -> Any:
            found = ops.einsum(f"{self.outputs},{self.kernel}->{kept}", upstream, kernel)
            return ops.expand_dims(found, shared) if shared else found

        return Product(
            reduced=self.missing(self.inputs, self.outputs),
            aligned=self.alignment(self.inputs).of,
            times=functools.partial(ops.einsum, equation),
            gradient=gradient,
            rows=self.rows if weights and all(map(self.is_matrix, weights)) else None,
        )


def _letters(equation: str, rank: int) -> _Letters:
    """The letters of an equation whose outputs have so many axes."""
    front, inputs, _, kernel, _, outputs, _ = _EQUATION.match(equation).groups()  # type: ignore[union-attr]
    unused = (letter for letter in string.ascii_letters if letter not in inputs + kernel + outputs)
    hidden = "".join(next(unused) for _ in range(rank - len(outputs)))
    if front:
        return _Letters(hidden + inputs, kernel, hidden + outputs)
    return _Letters(inputs + hidden, kernel, outputs + hidden)


def _by_data(shape: tuple[int, ...], matrix: tuple[int, int]) -> tuple[int, int]:
    """The extents of inputs and outputs of a kernel in Keras's files of modes that look at data.

    Keras tells by extents, not by the equation: of three axes the first is one of inputs if none is larger, as in
    attention's query, key and value; otherwise the last alone is one of outputs.
    """
    if len(shape) == 3:
        return (shape[0], shape[1] * shape[2]) if shape[0] == max(shape) else (shape[0] * shape[1], shape[2])
    return (shape[0], shape[1]) if len(shape) == 2 else matrix


def analyze_equation(
    equation: str, bias_axes: str | None, input_shape: tuple[Any, ...], output_shape: tuple[Any, ...]
) -> tuple[tuple[Any, ...], tuple[Any, ...] | None, tuple[Any, ...]]:
    """Shapes of the kernel, of the bias (or None) and of the outputs.

    >>> analyze_equation("ab,bc->ac", "c", (None, 3), (4,))
    ((3, 4), (4,), (None, 4))
    """
    match = _EQUATION.match(equation)
    if match is None:
        raise ValueError(
            f"EinsumDense: {equation!r} is no equation of an input and a kernel. It looks like 'ab,bc->ac', with '...' "
            "before or after the letters of the input and of the output, if at all."
        )
    front, inputs, back, kernel, _, outputs, _ = match.groups()
    extra = len(input_shape) - len(inputs) if front or back else 0
    named_input = input_shape[extra:] if front else input_shape[: len(input_shape) - extra]
    hidden = input_shape[:extra] if front else input_shape[len(input_shape) - extra :] if back else ()
    if len(named_input) != len(inputs):
        raise ValueError(
            f"EinsumDense: the equation {equation!r} is for inputs with {len(inputs)} axes, got shape {input_shape}."
        )
    # The given output shape lacks the batch axis, and any axes behind the ellipsis in front.
    missing = len(outputs) - len(output_shape)
    full = [None] * max(missing, 0) + list(output_shape)
    if front:
        full = full[-len(outputs) :]
    if len(full) < len(outputs):
        raise ValueError(f"EinsumDense: output_shape={output_shape} does not fit the equation {equation!r}.")
    extents = dict(zip(inputs, named_input))
    wanted: dict[str, Any] = {}
    for letter, extent in zip(outputs, full):
        if letter in extents:
            known = extents[letter]
            if extent is not None and known is not None and extent != known:
                raise ValueError(
                    f"EinsumDense: axis {letter!r} of {equation!r} has the extent {known} in the inputs and {extent} "
                    "in `output_shape`."
                )
            wanted[letter] = extent if known is None else known
        else:
            wanted[letter] = extent
    for letter in kernel:
        if letter not in extents and letter not in wanted:
            raise ValueError(
                f"EinsumDense: the kernel's dimension {letter!r} of {equation!r} is neither in the inputs nor in the "
                "outputs."
            )
    for letter in outputs:
        if letter not in inputs and letter not in kernel:
            raise ValueError(
                f"EinsumDense: axis {letter!r} of the output of {equation!r} is neither in the input nor in the kernel."
            )
    kernel_shape = tuple(wanted[c] if extents.get(c) is None and c in wanted else extents[c] for c in kernel)
    complete = tuple(wanted[c] for c in outputs)
    complete = (*hidden, *complete) if front else (*complete, *hidden)
    return kernel_shape, _bias_shape(bias_axes, outputs, wanted, bool(back), len(hidden)), complete


def _bias_shape(
    bias_axes: str | None, outputs: str, wanted: dict[str, Any], back: bool, hidden: int
) -> tuple[Any, ...] | None:
    if bias_axes is None:
        return None
    for letter in bias_axes:
        if letter not in outputs:
            raise ValueError(f"EinsumDense: the bias has an axis {letter!r}, which the output {outputs!r} has not.")
    first = min(outputs.index(c) for c in bias_axes)
    shape = tuple(wanted[c] if c in bias_axes else 1 for c in outputs[first:])
    return (*shape, *(1,) * hidden) if back else shape
