"""Models as data, and their edits."""

import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.studio import edits
from pronghorn.studio.plans import build, plan_of


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="input"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="end"),
        ]
    )


def with_branches():
    x = keras.Input((8, 8, 3), name="input")
    joined = layers.Add(name="add")(
        [layers.Conv2D(4, 3, padding="same", name="a")(x), layers.Conv2D(4, 1, name="b")(x)]
    )
    y = layers.Dense(2, name="end")(layers.Flatten(name="flat")(keras.ops.relu(joined)))
    return keras.Model(x, y)


@pytest.mark.parametrize("make", [sequential, with_branches])
def test_a_plan_makes_the_same_model_again(make):
    model = make()
    built = build(plan_of(model))
    assert built.problem is None
    assert [w.shape for w in built.model.weights] == [w.shape for w in model.weights]
    assert built.model.output_shape == model.output_shape
    assert sum(built.parameters.values()) == model.count_params()


def test_arrows_are_the_calls():
    names = [layer.name for layer in plan_of(with_branches()).layers]
    arrows = plan_of(with_branches()).arrows()
    assert ("input", "a") in arrows and ("input", "b") in arrows and ("a", "add") in arrows
    assert len(arrows) == 7 and names[0] == "input"


def test_a_setting_that_the_library_refuses_is_told_at_its_layer():
    plan = edits.set_field(plan_of(sequential()), "conv", "kernel_size", 40)
    built = build(plan)
    assert built.model is None and built.problem.layer == "conv"
    assert "kernel (40, 40) is larger than its input" in built.problem.message
    assert build(edits.set_field(plan, "conv", "kernel_size", 3)).problem is None
    assert "positive integer" in build(edits.set_field(plan, "conv", "filters", -1)).problem.message


def test_a_problem_further_on_is_told_there():
    built = build(edits.add_layer(plan_of(sequential()), "flat", "Conv2D"))
    assert built.problem.layer == "conv2d" and "with 4 axes" in built.problem.message
    assert built.shapes["flat"] == (None, 144)  # what comes before it is known


def test_layers_are_added_and_removed_in_graphs():
    before = plan_of(with_branches())
    plan = edits.add_layer(before, "a", "BatchNormalization")
    built = build(plan)
    assert built.problem is None and ("a", "batch_normalization") in plan.arrows()
    assert ("batch_normalization", "add") in plan.arrows() and ("a", "add") not in plan.arrows()
    assert edits.remove_layer(plan, "batch_normalization").arrows() == before.arrows()
    with pytest.raises(ValueError, match="joins 2 values"):
        edits.remove_layer(plan, "add")
    with pytest.raises(ValueError, match="input stays"):
        edits.remove_layer(plan, "input")


def test_the_last_layer_of_a_graph_can_be_followed_and_removed():
    plan = edits.add_layer(plan_of(with_branches()), "end", "Activation")
    assert build(plan).model.output_shape == (None, 2) and plan.outputs[0] == "activation"
    assert edits.remove_layer(plan, "activation").outputs[0] == "end"


def test_layers_are_moved_in_a_sequence():
    plan = edits.move_layer(plan_of(sequential()), "flat", -1)
    assert [layer.name for layer in plan.layers] == ["input", "flat", "conv", "end"]
    with pytest.raises(ValueError, match="cannot be moved"):
        edits.move_layer(plan, "flat", -1)


@pytest.mark.parametrize("kind", edits.KINDS)
def test_every_kind_can_be_made(kind):
    plan = edits.add_layer(plan_of(sequential()), "flat", kind)
    assert plan.layers[3].make().name == plan.layers[3].name
    assert edits.fields_of(plan.layers[3]) or kind in ("Flatten", "GlobalAveragePooling2D", "BatchNormalization")


def test_a_model_without_layers_has_a_problem():
    plan = plan_of(keras.Sequential([keras.Input((2,)), layers.Dense(1, name="d")]))
    assert "no layers yet" in build(edits.remove_layer(plan, "d")).problem.message


def test_a_model_with_code_of_its_own_is_no_plan():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="called by its own code"):
        plan_of(Own())
