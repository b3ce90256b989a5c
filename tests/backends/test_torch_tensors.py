"""PyTorch's tensors through layers, ops and losses, variables as its parameters, and models as its modules."""

import copy

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.engine.backends import choice
from pronghorn.engine.backends import engine as engines

pytestmark = pytest.mark.skipif(not engines.is_installed("torch"), reason="torch is not installed")


@pytest.fixture
def torch(free_choice):
    keras.config.set_backend("torch")
    import torch

    torch.manual_seed(0)
    return torch


def network(seed=3):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def images(count=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 8, 8, 2)).astype("float32")


def test_backward_goes_through_a_model_to_its_inputs_and_weights(torch):
    model, x = network(), images()
    weights = list(model.parameters())
    inputs = torch.tensor(x, requires_grad=True)
    loss = (model(inputs) ** 2).sum()
    loss.backward()

    variables = [v for v in model.weights if v.trainable]
    with keras.GradientTape() as tape:
        tensor = keras.ops.convert_to_tensor(x)
        tape.watch(tensor)
        expected = keras.ops.sum(model(tensor) ** 2)
    of_x, *of_weights = tape.gradient(expected, [tensor, *variables])
    np.testing.assert_allclose(loss.item(), float(expected), rtol=1e-5)
    np.testing.assert_allclose(inputs.grad, of_x.numpy(), rtol=1e-4, atol=1e-5)
    found = [p.grad for p in weights if p.requires_grad]
    assert [p.grad for p in weights if not p.requires_grad] == [None, None]  # the moving statistics
    for got, wanted in zip(found, of_weights, strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_a_loop_of_torchs_own_trains_the_model(torch):
    model, x = network(), images(60)
    y = torch.tensor(np.random.default_rng(1).integers(0, 3, 60))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(x), training=True), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    # what it has learnt is the model's, in training statistics too
    moving = model.layers[1].moving_mean
    assert np.abs(moving.numpy()).max() > 0.01
    before = model.predict(x, verbose=0)
    choice._choice.name = None
    np.testing.assert_allclose(network_with(model.get_weights()).predict(x, verbose=0), before, rtol=1e-4, atol=1e-5)


def test_functions_that_torch_transforms_go_through_a_model(torch):
    model, x = network(), torch.tensor(images())
    gradient = torch.func.grad(lambda image: model(image[None]).sum())
    got = torch.func.vmap(gradient)(x)
    inputs = x.clone().requires_grad_()
    model(inputs).sum().backward()
    np.testing.assert_allclose(got, inputs.grad, rtol=1e-4, atol=1e-5)
    assert all(p.requires_grad for p in (v.value for v in model.trainable_variables))


def test_what_inference_mode_left_is_trained_further(torch):
    model, other, x = network(), network(), torch.tensor(images())
    with torch.inference_mode():
        expected = model(x)
        other(x, training=True)  # moves statistics
        model.compile("sgd", "mse", backend="torch")
        model.predict(images(), verbose=0)
        model.evaluate(images(), np.zeros((5, 3)), verbose=0)
    got = model(x)
    np.testing.assert_allclose(got.detach(), expected, rtol=1e-5, atol=1e-6)
    for found in (got, other(x), other(x, training=True)):
        found.sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    model.fit(images(), np.zeros((5, 3)), verbose=0)
    # Arrays of the variables alone, that no parameter is made of.
    choice._choice.name = None
    third, inputs = network(), torch.tensor(images(), requires_grad=True)
    with torch.inference_mode():
        third(x, training=True)
    third(inputs, training=True).sum().backward()
    assert inputs.grad.abs().sum() > 0


def network_with(weights):
    model = network(9)
    model.set_weights(weights)
    return model


def test_a_parameter_is_the_weight_whoever_changes_it(torch):
    model, x = network(), images(20)
    y = np.zeros(20, int)
    kernel = model.layers[-1].kernel
    parameter = keras.interop.torch_parameters(model)[kernel.path]
    assert kernel.value is parameter
    kept = kernel.tensor
    with torch.no_grad():
        parameter.fill_(2)
    assert (kernel.numpy() == 2).all() and not (kept.numpy() == 2).any()
    kernel.assign(np.full(kernel.shape, 3.0))
    assert (parameter == 3).all()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for engine in ("torch", "pronghorn"):
        old = parameter.detach().clone()
        model.compile("sgd", loss, backend=engine)
        model.fit(x, y, verbose=0)
        assert not (parameter == old).all(), engine
        np.testing.assert_array_equal(parameter.detach(), kernel.numpy())
    assert parameter is keras.interop.torch_parameters(model)[kernel.path]
    other = copy.deepcopy(kernel)
    other.assign(np.zeros(kernel.shape))
    assert parameter.abs().sum() > 0


def test_weights_that_are_not_trained_need_no_gradient(torch):
    model = network()
    model.layers[0].trainable = False
    needs = {name: p.requires_grad for name, p in model.named_parameters()}
    assert [needs[v.path] for v in model.layers[0].weights] == [False, False]
    assert needs[model.layers[-1].kernel.path]


def test_all_variables_are_parameters_and_random_generators_too(torch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    found = model.torch_params
    assert list(found) == [v.path for v in model.variables]
    assert [p.requires_grad for p in found.values()] == [True, True, False]
    state = model.layers[-1].seed_generator.state
    before = state.numpy().copy()
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 4)), batch_size=4, verbose=0)
    assert (state.numpy() != before).any()
    np.testing.assert_array_equal(found[state.path], state.numpy())


def test_layers_have_torchs_names_on_torch_alone(torch):
    model = network()
    assert callable(model.parameters)
    keras.config.set_backend("pronghorn")
    assert not hasattr(model, "parameters")
    assert not hasattr(model, "torch_params")


def test_ops_losses_and_metrics_give_tensors(torch):
    x, y = torch.rand(4, 3, requires_grad=True), torch.rand(4, 3)
    assert isinstance(keras.ops.relu(x), torch.Tensor)
    loss = keras.losses.MeanSquaredError()(y, x)
    loss.backward()
    torch.testing.assert_close(x.grad, (x.detach() - y) / 6)
    assert loss.dtype == torch.float32
    scan = keras.layers.GRU(3)
    scan.build((None, 5, 3))
    sequences = torch.rand(2, 5, 3, requires_grad=True)
    scan(sequences).sum().backward()
    assert sequences.grad.abs().sum() > 0


def test_memory_is_shared_through_dlpack_both_ways(torch):
    tensor = torch.arange(6.0).reshape(2, 3)
    array = np.from_dlpack(tensor)
    ours = keras.ops.convert_to_tensor(array)
    assert torch.from_dlpack(ours.numpy()).tolist() == tensor.tolist()


def test_a_model_as_a_module(torch):
    model, x = network(), images()
    module = keras.interop.to_torch(model)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(module(torch.tensor(x)).detach(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(module(torch.tensor(x[:2])).detach(), expected[:2], rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in module.parameters()) == sum(v.size for v in model.trainable_variables)
    module(torch.tensor(x)).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    with torch.no_grad():
        next(module.parameters()).zero_()
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)  # weights of its own
    other = keras.interop.to_torch(model)
    other.load_state_dict(module.state_dict())
    torch.testing.assert_close(other(torch.tensor(x)), module(torch.tensor(x)))
    with pytest.raises(ValueError, match="takes 1 tensor, got 2"):
        module(torch.tensor(x), torch.tensor(x))


def test_a_module_keeps_its_types(torch):
    module, x = keras.interop.to_torch(network()), torch.tensor(images())
    expected = module(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(module(x).detach(), expected.detach())
    with pytest.raises(TypeError, match="is torch.float16 now, and what the module computes is fixed to float32"):
        module.half()(x)
    np.testing.assert_allclose(module.float()(x.double()).detach(), expected.detach(), rtol=0.01, atol=0.01)


def test_autocast_leaves_models_as_they_are(torch):
    losses = []
    for enabled in (False, True):
        model, x = network(), images(20)
        model.compile("sgd", "mse", backend="torch")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            losses.append(model.fit(x, np.zeros((20, 3)), epochs=2, verbose=0).history["loss"])
            outputs = model(torch.tensor(x), training=True)
        outputs.sum().backward()
    assert losses[0] == losses[1] and outputs.dtype == torch.float32


def test_a_module_of_several_inputs_and_outputs(torch):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), dtype="int32", name="b")
    shared = keras.layers.Concatenate()([a, keras.layers.Embedding(5, 2)(b)[:, 0]])
    model = keras.Model({"a": a, "b": b}, {"sum": keras.layers.Dense(1)(shared), "same": shared})
    values = {"a": np.ones((4, 3), "float32"), "b": np.int32([[0, 1]] * 4)}
    module = keras.interop.to_torch(model)
    got = module({name: torch.tensor(v) for name, v in values.items()})
    for name, expected in model.predict(values, verbose=0).items():
        np.testing.assert_allclose(got[name].detach(), expected, rtol=1e-5)


@pytest.mark.slow
def test_steps_are_compiled_further_where_that_is_asked_for(torch):
    x, y = images(40), np.random.default_rng(1).integers(0, 3, 40)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    histories = []
    for jit in (False, True):
        model = network()
        model.compile("adam", loss, jit_compile=jit, backend="torch")
        histories.append(model.fit(x, y, batch_size=20, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-4)


def test_what_cannot_be_compiled_further_says_so(torch, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", fails)
    model = network()
    model.compile("adam", "mse", jit_compile=True, backend="torch")
    with pytest.raises(RuntimeError, match="No working C\\+\\+ compiler.*Leave jit_compile out"):
        model.fit(images(4), np.zeros((4, 3)), verbose=0)


def test_other_kinds_of_tensors(torch):
    np.testing.assert_array_equal(keras.ops.add(torch.eye(3).to_sparse(), 1.0), np.eye(3) + 1)
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    for x, name in [(quantized, "qint8"), (torch.ones(3, dtype=torch.complex32), "complex32")]:
        with pytest.raises(TypeError, match=f"{name}.*is not an element type"):
            keras.ops.add(x, 1.0)
