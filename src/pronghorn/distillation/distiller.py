"""`Distiller`: trains a student by the targets and by its teacher."""

from __future__ import annotations

from typing import Any

from pronghorn import ops, tree
from pronghorn._wording import shown
from pronghorn.distillation.losses import check_nesting, one_loss
from pronghorn.engine.graph.user_code import warn
from pronghorn.metrics.reduction_metrics import Mean
from pronghorn.models.model import Model
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.arguments import is_number


class Distiller(Model):
    """A student that is trained by the targets and by what its teacher makes of the same inputs.

    The loss is ``w · student_loss + (1 - w) · Σ wᵢ · distillation_lossᵢ``, where ``w`` is `student_loss_weight`. The
    teacher is frozen (``teacher.trainable = False``) and runs as in inference. Calling the distiller, or its
    `predict`, is the student's; `student` is the model to keep.

    Losses of features call the student once more for them, so that a `Dropout` before them drops others, and a
    `BatchNormalization` takes a batch twice, as in Keras. Sample weights count in the metrics of `compile`, not in the
    loss, as there.

    Args:
        teacher: a trained model.
        student: the model to train; its inputs and outputs have the teacher's shapes and dtypes.
        distillation_losses: one `DistillationLoss` or a list of them.
        distillation_loss_weights: their factors wᵢ, a list as long; None for 1 each, as for a loss without a list.
        student_loss_weight: w, from 0 to 1.
        name: the distiller's name.
        kwargs: see `Model`.

    Raises:
        ValueError: the models or losses do not go together, or an argument is none of these; the teacher is then left
            as it was.

    Reference:
        Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015,
        https://arxiv.org/abs/1503.02531.

    Example:

    >>> from pronghorn import Input, Sequential, distillation, layers, losses, ops
    >>> loss = distillation.LogitsDistillation(2.0, losses.KLDivergence())
    >>> teacher = Sequential([Input((4,)), layers.Dense(32, "relu"), layers.Dense(3)])
    >>> student = Sequential([Input((4,)), layers.Dense(3)])
    >>> distiller = Distiller(teacher, student, loss)
    >>> distiller.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(ops.ones((8, 4)), ops.zeros(8, "int32"), verbose=0).history
    >>> sorted(history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Any = None,
        student_loss_weight: float = 0.5,
        name: str | None = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        found, weights = _weighted_losses(distillation_losses, distillation_loss_weights)
        if not is_number(student_loss_weight) or not 0 <= float(student_loss_weight) <= 1:
            raise ValueError(
                "Distiller: student_loss_weight must be a number from 0 (the teacher alone) to 1 (the targets alone), "
                f"got {shown(student_loss_weight)}."
            )
        for loss in found:
            loss.validate_model_compatibility(teacher, student)
        self.teacher = teacher
        self.student = student
        self.distillation_losses = found
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self._teacher_feature_extractor = _extractor(teacher, [_layer_of(loss, "teacher") for loss in found])
        self._student_feature_extractor = _extractor(student, [_layer_of(loss, "student") for loss in found])
        self.teacher.trainable = False
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:
        """Set how the student is trained.

        Args:
            optimizer: an optimizer or its name.
            loss: the student's loss for the targets, its name or a function ``(y_true, y_pred)``; a nest of them for
                several outputs. Of a function's or a name's values of samples the mean is taken; of several such
                outputs the sum, as in Keras: give `Loss` objects there.
            metrics: see `Model.compile`; of the student's outputs.
            kwargs: see `Model.compile`.

        Raises:
            ValueError: no loss, or something else for one.
        """
        if loss is None:
            raise ValueError(
                "Distiller.compile: the student needs a loss for the targets, such as "
                'loss="sparse_categorical_crossentropy"; to train by the teacher alone, give one, and '
                "student_loss_weight=0 to the Distiller."
            )
        student_loss = tree.map_structure(lambda item: one_loss("Distiller.compile", item), loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)
        self._trainer_state.given["loss"] = loss
        object.__setattr__(self, "_student_loss", student_loss)  # a nest that is not tracked keeps its types

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` returned; files of Keras's do not hold the loss."""
        if config.get("loss") is None:
            warn(f"The file does not say the student's loss of {self.name!r}: call compile() before you train on.")
        else:
            self._compile_with(config)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch, a scalar; the means ``student_loss`` and so on take it in.

        Args:
            x: inputs.
            y: targets; without them the student's loss is 0.
            y_pred: what the student made of the inputs; made here if None.
            sample_weight: not looked at, as in Keras.
            training: whether this is a training step.

        Raises:
            ValueError: outputs are not nested alike, or a loss is no scalar.
        """
        y_pred = self(x, training=training) if y_pred is None else y_pred
        weight = self.student_loss_weight
        of_targets = self._loss_of_targets(y, y_pred) if weight > 0 and y is not None else ops.zeros(())
        of_teacher = self._loss_of_teacher(x, y_pred, training) if weight < 1 else ops.zeros(())
        total = weight * of_targets + (1 - weight) * of_teacher
        self.student_loss_tracker.update_state(of_targets)
        self.distillation_loss_tracker.update_state(of_teacher)
        self.total_loss_tracker.update_state(total)
        return total

    def _loss_of_targets(self, y: Any, y_pred: Any) -> Any:
        check_nesting("Distiller", "the loss of compile", self._student_loss, "the student's outputs", y_pred)
        check_nesting("Distiller", "the targets", y, "the student's outputs", y_pred)
        values = tree.map_structure(_none_is_zero, self._student_loss, y, y_pred)
        flat = [ops.convert_to_tensor(value) for value in tree.flatten(values)]
        return ops.mean(flat[0]) if len(flat) == 1 else sum(ops.sum(value) for value in flat)

    def _loss_of_teacher(self, x: Any, y_pred: Any, training: bool) -> Any:
        of_teacher = _features(self.teacher, self._teacher_feature_extractor, x, training=False)
        of_student = {None: y_pred}
        if self._student_feature_extractor is not None:
            of_student = {**_features(self.student, self._student_feature_extractor, x, training), None: y_pred}
        total = ops.zeros(())
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights):
            outputs = of_teacher[_layer_of(loss, "teacher")], of_student[_layer_of(loss, "student")]
            loss.validate_outputs(*outputs)
            value = ops.convert_to_tensor(loss.compute_loss(*outputs))
            if value.shape != ():
                raise ValueError(
                    f"Distiller: {type(loss).__name__}.compute_loss must return a scalar, got an array of shape "
                    f"{tuple(value.shape)}; take its mean."
                )
            total = total + weight * value
        return total

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        made = {
            key: deserialize_keras_object(config[key], custom_objects)
            for key in ("teacher", "student", "distillation_losses")
        }
        return cls(**{**config, **made})


def _none_is_zero(loss: Any, y: Any, y_pred: Any) -> Any:
    return 0.0 if loss is None else loss(y, y_pred)


def _layer_of(loss: Any, role: str) -> str | None:
    """The layer whose outputs a loss compares; None for the model's outputs."""
    return getattr(loss, f"{role}_layer_name", None)


def _extractor(model: Any, names: list[str | None]) -> Model | None:
    """A model that gives a model's outputs, and those of some of its layers by name; None where none are asked for."""
    inside = {name: model.get_layer(name=name).output for name in names if name is not None}
    if not inside:
        return None
    return Model(model.inputs, [model.output, inside], name=f"{model.name}_multi_feature_extractor")


def _features(model: Any, extractor: Model | None, x: Any, training: bool) -> dict[str | None, Any]:
    """What the layers of an extractor give, and with None the model's outputs."""
    if extractor is None:
        return {None: model(x, training=training)}
    outputs, inside = extractor(x, training=training)
    return {**inside, None: outputs}


def _weighted_losses(losses: Any, weights: Any) -> tuple[list[Any], list[Any]]:
    one = not isinstance(losses, list | tuple)
    found = [losses] if one else list(losses)
    for loss in found:
        if not callable(getattr(loss, "compute_loss", None)) or isinstance(loss, type | Model):
            raise ValueError(
                "Distiller: distillation_losses must be a DistillationLoss or a list of them, such as "
                f"[LogitsDistillation(temperature=3.0)], got {shown(loss)} of type {type(loss).__name__}."
            )
    if weights is None or one:
        return found, [1.0] * len(found)
    if not isinstance(weights, list | tuple) or not all(is_number(weight) for weight in weights):
        raise ValueError(f"Distiller: distillation_loss_weights must be a list of numbers, got {shown(weights)}.")
    if len(weights) != len(found):
        raise ValueError(
            f"Distiller: there are {len(found)} distillation_losses and {len(weights)} distillation_loss_weights; "
            "give one weight for each loss."
        )
    return found, list(weights)


def _check_models(teacher: Any, student: Any) -> None:
    for role, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"Distiller: {role} must be a Model, got {shown(model)} of type {type(model).__name__}.")
    for what in ("inputs", "outputs"):
        of_teacher, of_student = getattr(teacher, what, None), getattr(student, what, None)
        if of_teacher is None or of_student is None:
            continue  # a model with a call of its own, whose arrays are not known yet
        if len(of_teacher) != len(of_student):
            raise ValueError(f"Distiller: the teacher has {len(of_teacher)} {what}, the student {len(of_student)}.")
        for index, (a, b) in enumerate(zip(of_teacher, of_student)):
            _check_alike(f"{what}[{index}]", a, b)


def _check_alike(which: str, teacher: Any, student: Any) -> None:
    shapes = tuple(teacher.shape), tuple(student.shape)
    fit = len(shapes[0]) == len(shapes[1]) and all(None in pair or pair[0] == pair[1] for pair in zip(*shapes))
    if not fit:
        raise ValueError(
            f"Distiller: the shapes of {which} must be alike, got {shapes[0]} of the teacher and {shapes[1]} of the "
            "student."
        )
    if teacher.dtype != student.dtype:
        raise ValueError(
            f"Distiller: the dtypes of {which} must be alike, got {teacher.dtype} of the teacher and {student.dtype} "
            "of the student."
        )
