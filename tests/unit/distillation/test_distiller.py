"""Students that learn from a teacher."""

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, distillation, layers, losses, saving

X = np.linspace(-1, 1, 48, dtype="float32").reshape(12, 4)
Y = np.arange(12) % 3


def _network(units=3, width=4, hidden=5):
    return Sequential([Input((width,)), layers.Dense(hidden, "relu", name="hidden"), layers.Dense(units, name="out")])


def _loss():
    return distillation.LogitsDistillation(2.0, losses.KLDivergence())


def _compiled(*args, **kwargs):
    distiller = distillation.Distiller(*args, **kwargs)
    distiller.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return distiller


def test_the_student_alone_is_trained():
    teacher, student = _network(), _network()
    before = [teacher.get_weights(), student.get_weights()]
    distiller = _compiled(teacher, student, _loss())
    history = distiller.fit(X, Y, batch_size=5, verbose=0).history  # the last batch is short
    assert sorted(history) == ["accuracy", "distillation_loss", "loss", "student_loss", "total_loss"]
    assert not teacher.trainable and student.trainable
    assert all(np.array_equal(a, b) for a, b in zip(before[0], teacher.get_weights()))
    assert not any(np.array_equal(a, b) for a, b in zip(before[1], student.get_weights()))
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))


@pytest.mark.parametrize(
    ("weight", "names"), [(0, ("student_loss", "distillation_loss")), (1.0, ("distillation_loss", "student_loss"))]
)
def test_one_side_alone(weight, names):
    logs = _compiled(_network(), _network(), _loss(), student_loss_weight=weight).evaluate(
        X, Y, verbose=0, return_dict=True
    )
    assert logs[names[0]] == 0
    assert logs[names[1]] == logs["loss"] == logs["total_loss"] > 0


def test_features_of_layers():
    teacher, student = _network(), _network()
    student.set_weights(teacher.get_weights())
    features = distillation.FeatureDistillation("mse", "hidden", "hidden")
    outputs = distillation.FeatureDistillation("mse", student_layer_name="out")  # against the teacher's outputs
    distiller = _compiled(teacher, student, [features, outputs], [1, 2.0], student_loss_weight=0.0)
    assert distiller.evaluate(X, Y, verbose=0, return_dict=True)["loss"] == 0
    student.layers[0].kernel.assign(student.layers[0].kernel + 0.1)
    logs = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    hidden = [Model(m.inputs, m.layers[0].output).predict(X, verbose=0) for m in (teacher, student)]
    whole = [m.predict(X, verbose=0) for m in (teacher, student)]
    expected = np.mean((hidden[0] - hidden[1]) ** 2) + 2 * np.mean((whole[0] - whole[1]) ** 2)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_evaluation_leaves_the_student_as_it_is():
    def network():
        return Sequential(
            [Input((4,)), layers.Dense(5, name="a"), layers.BatchNormalization(name="b"), layers.Dense(3)]
        )

    student = network()
    distiller = _compiled(network(), student, distillation.FeatureDistillation("mse", "b", "b"))
    before = student.get_weights()
    distiller.evaluate(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, student.get_weights()))


def test_models_with_a_call_of_their_own():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    history = _compiled(Own(), Own(), _loss()).fit(X, Y, verbose=0).history
    assert np.isfinite(history["distillation_loss"]).all()


def test_several_outputs():
    def network():
        x = Input((4,))
        return Model(x, {"a": layers.Dense(3)(x), "b": layers.Dense(2)(x)})

    distiller = distillation.Distiller(
        network(), network(), distillation.LogitsDistillation(1.0, {"a": "mse", "b": None}), student_loss_weight=0.5
    )
    distiller.compile("sgd", {"a": losses.MeanSquaredError(), "b": losses.MeanAbsoluteError()})
    logs = distiller.fit(X, {"a": X[:, :3], "b": X[:, :2]}, verbose=0).history
    np.testing.assert_allclose(logs["loss"][0], (logs["student_loss"][0] + logs["distillation_loss"][0]) / 2, rtol=1e-6)


def test_saved_and_loaded_it_goes_on(tmp_path):
    losses_ = [_loss(), distillation.FeatureDistillation("mse", "hidden", "hidden")]
    distiller = _compiled(_network(), _network(), losses_, [1.0, 0.5], student_loss_weight=0.3)
    distiller.fit(X, Y, verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    again = saving.load_model(tmp_path / "distiller.keras")
    assert again.distillation_loss_weights == [1.0, 0.5] and again.student_loss_weight == 0.3
    assert again.evaluate(X, Y, verbose=0) == distiller.evaluate(X, Y, verbose=0)
    first, second = (d.fit(X, Y, verbose=0, shuffle=False).history for d in (distiller, again))
    assert first == second


def test_no_loss_for_the_targets():
    distiller = distillation.Distiller(_network(), _network(), _loss())
    with pytest.raises(ValueError, match="needs a loss for the targets"):
        distiller.compile("sgd")
    with pytest.raises(ValueError, match="got 3 of type int"):
        distiller.compile("sgd", loss=3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"teacher": 3}, "teacher must be a Model, got 3"),
        ({"student": "x"}, "student must be a Model"),
        ({"student": _network(units=4)}, r"outputs\[0\].*\(None, 3\) of the teacher and \(None, 4\)"),
        ({"student": _network(width=5)}, r"inputs\[0\].*\(None, 4\)"),
        ({"distillation_losses": None}, "distillation_losses must be a DistillationLoss"),
        ({"distillation_losses": ["mse"]}, "got 'mse' of type str"),
        ({"distillation_losses": distillation.LogitsDistillation}, "of type type"),
        ({"distillation_losses": [_loss()], "distillation_loss_weights": [1.0, 2.0]}, "1 distillation_losses and 2"),
        ({"distillation_losses": [_loss()], "distillation_loss_weights": 2.0}, "must be a list of numbers"),
        ({"student_loss_weight": 1.5}, "from 0 .* to 1"),
        ({"student_loss_weight": float("nan")}, "got nan"),
        ({"student_loss_weight": "a"}, "got 'a'"),
        ({"distillation_losses": distillation.FeatureDistillation("mse", "nope")}, "nope"),
    ],
    ids=[
        "teacher",
        "student",
        "units",
        "width",
        "none",
        "name",
        "class",
        "weights",
        "number",
        "1.5",
        "nan",
        "a",
        "layer",
    ],
)
def test_what_does_not_go_together_is_told_and_the_teacher_left(arguments, words):
    teacher = _network()
    given = {"teacher": teacher, "student": _network(), "distillation_losses": _loss(), **arguments}
    with pytest.raises(ValueError, match=words):
        distillation.Distiller(**given)
    assert teacher.trainable


def test_a_loss_that_is_no_scalar():
    class Rows(distillation.DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return (teacher_outputs - student_outputs)[:, 0]

    with pytest.raises(ValueError, match=r"Rows.compute_loss must return a scalar, got an array of shape"):
        _compiled(_network(), _network(), Rows()).fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    ("of_teacher", "of_targets", "y", "words"),
    [
        ("mse", {"a": "mse", "b": "mse"}, {"a": Y, "b": Y}, "LogitsDistillation: loss and the teacher's outputs"),
        ({"a": "mse", "b": "mse"}, "mse", {"a": Y, "b": Y}, "the loss of compile and the student's outputs"),
        ({"a": "mse", "b": None}, {"a": "mse", "b": None}, Y, "the targets and the student's outputs"),
    ],
    ids=["loss of the teacher", "loss", "targets"],
)
def test_losses_nested_unlike_the_outputs(of_teacher, of_targets, y, words):
    def two_heads():
        x = Input((4,))
        return Model(x, {"a": layers.Dense(1)(x), "b": layers.Dense(1)(x)})

    distiller = distillation.Distiller(two_heads(), two_heads(), distillation.LogitsDistillation(loss=of_teacher))
    distiller.compile("sgd", of_targets)
    with pytest.raises(ValueError, match=words):
        distiller.fit(X, y, verbose=0)
