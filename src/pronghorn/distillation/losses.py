"""Losses that compare a student's outputs with its teacher's."""

from __future__ import annotations

from typing import Any, Self

from pronghorn import losses, ops, tree
from pronghorn._wording import shown
from pronghorn.losses.wrappers import KLDivergence
from pronghorn.serialization.objects import serialize_keras_object
from pronghorn.utils.arguments import is_number


class DistillationLoss:
    """A loss between a teacher's outputs and a student's; subclass it and write `compute_loss`.

    Example:

    >>> from pronghorn import ops
    >>> class AbsoluteDifference(DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return ops.mean(ops.abs(teacher_outputs - student_outputs))
    >>> float(AbsoluteDifference().compute_loss(ops.ones((2, 3)), ops.zeros((2, 3))))
    1.0
    """

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the loss, a scalar.

        Args:
            teacher_outputs: what the teacher made of the inputs, one array or a nest.
            student_outputs: what the student made of them, alike.
            kwargs: for losses that want more.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no compute_loss(self, teacher_outputs, student_outputs, **kwargs): write one "
            "that returns a scalar."
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Check what `compute_loss` will be given.

        Raises:
            ValueError: the two are nested differently.
        """
        check_nesting(type(self).__name__, "the teacher's outputs", teacher_outputs, "the student's", student_outputs)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check the two models; a subclass raises ValueError for those that it cannot compare."""


class _OfLosses(DistillationLoss):
    """One that is made of losses, which its configuration holds."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**{**config, "loss": losses.deserialize(config["loss"])})


class FeatureDistillation(_OfLosses):
    """The loss between what a layer of the teacher gives and what a layer of the student gives.

    With several outputs each has its loss, and theirs are summed.

    Args:
        loss: a loss, its name or a function ``(y_true, y_pred)``, of which the mean is taken; for several outputs a
            nest of them, None for outputs that are left out.
        teacher_layer_name: the teacher's layer; None for the model's outputs.
        student_layer_name: the student's layer; None for the model's outputs.

    Raises:
        ValueError: no loss, an unknown one, or something else for one.

    Reference:
        Romero and others, "FitNets: Hints for Thin Deep Nets", 2015, https://arxiv.org/abs/1412.6550.

    Example:

    >>> from pronghorn import ops
    >>> float(FeatureDistillation("mae").compute_loss(ops.ones((2, 3)), ops.zeros((2, 3))))
    1.0
    """

    def __init__(
        self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        self.loss = _losses(type(self).__name__, loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Check that the layers are there.

        Raises:
            ValueError: a model has no layer of that name, or is a subclass with a ``call`` of its own, whose layers'
                outputs are not known.
        """
        for role, model, layer in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if layer is None:
                continue
            if getattr(model, "inputs", None) is None:
                raise ValueError(
                    f"{type(self).__name__}: {role}_layer_name={layer!r} needs a model whose layers are connected by "
                    f"symbolic tensors, Sequential or Model(inputs, outputs); the {role} {model.name!r} is a "
                    f"{type(model).__name__} with a call() of its own, or not built. Leave {role}_layer_name away to "
                    "compare the models' outputs."
                )
            try:
                model.get_layer(name=layer)
            except ValueError as error:
                raise ValueError(f"{type(self).__name__}: {role}_layer_name: {error}") from None

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        check_nesting(type(self).__name__, "loss", self.loss, "the teacher's outputs", teacher_outputs)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        try:
            return _summed(_mean_loss, self.loss, teacher_outputs, student_outputs)
        except ValueError as error:
            shapes = [tree.map_structure(lambda x: tuple(x.shape), x) for x in (teacher_outputs, student_outputs)]
            if shapes[0] == shapes[1]:
                raise
            raise ValueError(
                f"FeatureDistillation: the teacher's {_output_of(self.teacher_layer_name)} has the shape {shapes[0]}, "
                f"the student's {_output_of(self.student_layer_name)} {shapes[1]}, which the loss cannot compare: "
                f"{error} Choose layers whose outputs have one shape, put a layer into the student that gives the "
                "teacher's, or pass a function (y_true, y_pred) that compares them."
            ) from error

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "loss": serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_OfLosses):
    """The loss between the teacher's and the student's logits, both divided by a temperature.

    A `losses.KLDivergence` object compares the softmax of the logits, and is multiplied by the temperature's square,
    so that gradients keep their size (Hinton and others, equation 4)::

        T² · KL(softmax(teacher / T) ‖ softmax(student / T))

    Every other loss is given the logits divided by T as they are; in Keras, and so here, this holds also for the name
    ``"kl_divergence"``, the default, which suits models whose outputs are probabilities. With several outputs each has
    its loss, and theirs are summed.

    Args:
        temperature: T, above 0; the higher, the softer are the distributions.
        loss: a loss, its name or a function ``(y_true, y_pred)``, of which the mean is taken; for several outputs a
            nest of them, None for outputs that are left out.

    Raises:
        ValueError: a temperature that is no positive number; no loss, an unknown one, or something else for one.

    Reference:
        Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
        https://arxiv.org/abs/1503.02531.

    Example:

    >>> from pronghorn import losses, ops
    >>> loss = LogitsDistillation(temperature=2.0, loss=losses.KLDivergence())
    >>> round(float(loss.compute_loss(ops.array([[2.0, 0.0]]), ops.array([[0.0, 2.0]]))), 4)
    1.8485
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        if not is_number(temperature) or not float(temperature) > 0:
            raise ValueError(
                f"LogitsDistillation: temperature must be a number above 0, got temperature={shown(temperature)}."
            )
        self.loss = _losses(type(self).__name__, loss)
        self.temperature = temperature if isinstance(temperature, int | float) else float(temperature)

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        check_nesting(type(self).__name__, "loss", self.loss, "the teacher's outputs", teacher_outputs)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        def scaled(outputs: Any) -> Any:
            return tree.map_structure(lambda logits: ops.divide(logits, self.temperature), outputs)

        return _summed(self._loss_of_one, self.loss, scaled(teacher_outputs), scaled(student_outputs))

    def _loss_of_one(self, loss: Any, teacher: Any, student: Any) -> Any:
        if isinstance(loss, KLDivergence):
            return _mean_loss(loss, ops.softmax(teacher), ops.softmax(student)) * self.temperature**2
        return _mean_loss(loss, teacher, student)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}


def one_loss(whose: str, loss: Any) -> Any:
    """A loss to call with ``(y_true, y_pred)``, by its name or as it is; None for None."""
    if loss is None or (callable(loss) and not isinstance(loss, type)):
        return loss
    if not isinstance(loss, str):
        raise ValueError(
            f"{whose}: loss must be a loss, its name, a function (y_true, y_pred), or a nest of them, got "
            f"{shown(loss)} of type {type(loss).__name__}."
        )
    return losses.get(loss)


def _losses(whose: str, loss: Any) -> Any:
    found = tree.map_structure(lambda item: one_loss(whose, item), loss)
    if all(item is None for item in tree.flatten(found)):
        raise ValueError(f"{whose}: there is nothing to compare, got loss={shown(loss)}: give at least one loss.")
    return found


def _output_of(layer: str | None) -> str:
    return "output" if layer is None else f"layer {layer!r}"


def _mean_loss(loss: Any, teacher: Any, student: Any) -> Any:
    return ops.mean(loss(teacher, student))


def _summed(loss_of_one: Any, nest: Any, teacher_outputs: Any, student_outputs: Any) -> Any:
    """The sum over a nest of losses, of those that are there."""

    def one(loss: Any, teacher: Any, student: Any) -> Any:
        return 0.0 if loss is None else loss_of_one(loss, teacher, student)

    return sum(tree.flatten(tree.map_structure(one, nest, teacher_outputs, student_outputs)), 0.0)


def check_nesting(whose: str, what: str, value: Any, other_name: str, other: Any) -> None:
    """Raise a ValueError that names both unless two nests have one form."""
    try:
        tree.assert_same_structure(value, other)
    except (TypeError, ValueError):
        raise ValueError(
            f"{whose}: {what} and {other_name} must be nested alike, got {_nest(value)} and {_nest(other)}."
        ) from None


def _nest(value: Any) -> str:
    return shown(tree.map_structure(lambda _: "·", value)).replace("'·'", "·")
