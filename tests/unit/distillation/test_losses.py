"""Losses between a teacher's outputs and a student's."""

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, distillation, layers, losses, ops

TEACHER = np.array([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5]], "float32")
STUDENT = np.array([[0.0, 1.0, -1.0], [3.0, -3.0, 0.0]], "float32")


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_divergence_of_softmax_times_the_square_of_the_temperature():
    p, q = _softmax(TEACHER / 4), _softmax(STUDENT / 4)
    loss = distillation.LogitsDistillation(4, losses.KLDivergence())
    expected = 16 * np.mean(np.sum(p * np.log(p / q), axis=-1))
    np.testing.assert_allclose(loss.compute_loss(TEACHER, STUDENT), expected, rtol=1e-5)


def test_other_losses_take_logits_over_the_temperature():
    loss = distillation.LogitsDistillation(2.0, "mse")
    np.testing.assert_allclose(loss.compute_loss(TEACHER, STUDENT), np.mean((TEACHER - STUDENT) ** 2) / 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(distillation.FeatureDistillation, {}), (distillation.LogitsDistillation, {"temperature": 1})],
    ids=["features", "logits"],
)
def test_nests(kind, arguments):
    loss = kind(loss={"a": "mse", "b": None, "c": losses.MeanAbsoluteError()}, **arguments)
    teacher, student = ({"a": x, "b": x, "c": x} for x in (TEACHER, STUDENT))
    loss.validate_outputs(teacher, student)
    difference = TEACHER - STUDENT
    expected = np.mean(difference**2) + np.mean(np.abs(difference))
    np.testing.assert_allclose(loss.compute_loss(teacher, student), expected, rtol=1e-6)


def test_an_empty_batch_gives_what_a_mean_of_nothing_is():
    empty = ops.zeros((0, 3))
    assert np.isnan(float(distillation.FeatureDistillation().compute_loss(empty, empty)))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), "warm", None, [1.0, 2.0]])
def test_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="LogitsDistillation: temperature must be a number above 0"):
        distillation.LogitsDistillation(temperature)


@pytest.mark.parametrize("make", [distillation.FeatureDistillation, distillation.LogitsDistillation])
@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (None, "nothing to compare"),
        ([None, None], "nothing to compare"),
        ([], "nothing to compare"),
        (5, "got 5 of type int"),
        (losses.MeanSquaredError, "of type type"),
        ("mze", "mze"),
    ],
    ids=["none", "nones", "empty", "number", "class", "name"],
)
def test_losses_that_are_none(make, loss, words):
    with pytest.raises(ValueError, match=words):
        make(loss=loss)


@pytest.mark.parametrize("make", [distillation.FeatureDistillation, distillation.LogitsDistillation])
def test_outputs_nested_otherwise(make):
    loss = make(loss=["mse", "mae"])
    with pytest.raises(ValueError, match=r"nested alike, got \[·, ·\] and \[·\]"):
        loss.validate_outputs([TEACHER, TEACHER], [STUDENT])
    with pytest.raises(ValueError, match="loss and the teacher's outputs"):
        loss.validate_outputs(TEACHER, STUDENT)


def test_layers_that_are_not_there():
    model = Sequential([Input((3,)), layers.Dense(2, name="only")])
    distillation.FeatureDistillation("mse", "only", "only").validate_model_compatibility(model, model)
    with pytest.raises(ValueError, match=r"student_layer_name.*other.*only"):
        distillation.FeatureDistillation("mse", "only", "other").validate_model_compatibility(model, model)

    class Own(Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"teacher_layer_name='only'.*'own'.*call\(\) of its own"):
        distillation.FeatureDistillation("mse", "only").validate_model_compatibility(Own(name="own"), model)


@pytest.mark.parametrize(
    "loss",
    [
        distillation.LogitsDistillation(2, losses.KLDivergence()),
        distillation.LogitsDistillation(np.float32(2.5), ["mse", None]),
        distillation.FeatureDistillation("cosine_similarity", "a", "b"),
    ],
    ids=["logits", "nest", "features"],
)
def test_configs(loss):
    again = type(loss).from_config(loss.get_config())
    assert again.get_config() == loss.get_config()


def test_a_base_without_compute_loss():
    with pytest.raises(NotImplementedError, match="write one that returns a scalar"):
        distillation.DistillationLoss().compute_loss(TEACHER, STUDENT)


def test_features_of_other_shapes_name_both_layers():
    loss = distillation.FeatureDistillation("mse", teacher_layer_name="wide", student_layer_name="thin")
    with pytest.raises(ValueError, match=r"teacher's layer 'wide' has the shape \(2, 6\).*'thin' \(2, 4\).*Choose"):
        loss.compute_loss(ops.ones((2, 6)), ops.ones((2, 4)))
    with pytest.raises(ValueError, match="the teacher's output has the shape"):
        distillation.FeatureDistillation("mse").compute_loss(ops.ones((2, 6)), ops.ones((2, 4)))
    other = distillation.FeatureDistillation(lambda wide, thin: ops.mean(wide) - ops.mean(thin))
    assert float(other.compute_loss(ops.ones((2, 6)), ops.ones((2, 4)))) == 0
