"""Three steps of each optimizer against its formula, in NumPy, with options that are off by default."""

import numpy as np
import pytest

import pronghorn

RATE, EPSILON = 0.1, 1e-7
WEIGHTS = np.array([1.0, -2.0, 0.5, 0.3])
GRADIENTS = np.array([[0.3, -0.2, 0.05, 1.0], [-0.1, -0.4, 0.2, -0.7], [0.5, 0.1, -0.3, 0.01]])


def averaged(mean, value, kept):
    return kept * mean + (1 - kept) * value


def sgd(steps, w, momentum):
    velocity = 0
    for g in steps:
        velocity = momentum * velocity - RATE * g
        w = w + momentum * velocity - RATE * g  # Nesterov's look ahead
    return w


def rmsprop(steps, w, rho, momentum):
    squares = mean = velocity = 0
    for g in steps:
        squares, mean = averaged(squares, g**2, rho), averaged(mean, g, rho)
        velocity = momentum * velocity + RATE * g / np.sqrt(squares - mean**2 + EPSILON)
        w = w - velocity
    return w


def adam(steps, w, beta_1, beta_2):
    mean = squares = largest = 0
    for t, g in enumerate(steps, 1):
        mean, squares = averaged(mean, g, beta_1), averaged(squares, g**2, beta_2)
        largest = np.maximum(largest, squares)
        size = RATE * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - size * mean / (np.sqrt(largest) + EPSILON)
    return w


def adamax(steps, w, beta_1, beta_2):
    mean = largest = 0
    for t, g in enumerate(steps, 1):
        mean, largest = averaged(mean, g, beta_1), np.maximum(beta_2 * largest, abs(g))
        w = w - RATE / (1 - beta_1**t) * mean / (largest + EPSILON)
    return w


def nadam(steps, w, beta_1, beta_2):
    mean = squares = 0
    product = 1
    for t, g in enumerate(steps, 1):
        now, following = (beta_1 * (1 - 0.5 * 0.96**step) for step in (t, t + 1))
        product *= now
        mean, squares = averaged(mean, g, beta_1), averaged(squares, g**2, beta_2)
        ahead = following * mean / (1 - product * following) + (1 - now) * g / (1 - product)
        w = w - RATE * ahead / (np.sqrt(squares / (1 - beta_2**t)) + EPSILON)
    return w


def lion(steps, w, beta_1, beta_2):
    mean = 0
    for g in steps:
        w = w - RATE * np.sign(averaged(mean, g, beta_1))
        mean = averaged(mean, g, beta_2)
    return w


def adagrad(steps, w, initial_accumulator_value):
    squares = initial_accumulator_value
    for g in steps:
        squares = squares + g**2
        w = w - RATE * g / np.sqrt(squares + EPSILON)
    return w


def adadelta(steps, w, rho):
    squares = moved = 0
    for g in steps:
        squares = averaged(squares, g**2, rho)
        step = g * np.sqrt(moved + EPSILON) / np.sqrt(squares + EPSILON)
        moved = averaged(moved, step**2, rho)
        w = w - RATE * step
    return w


@pytest.mark.parametrize(
    ("name", "formula", "settings", "more"),
    [
        ("SGD", sgd, {"momentum": 0.8}, {"nesterov": True}),
        ("RMSprop", rmsprop, {"rho": 0.7, "momentum": 0.6}, {"centered": True, "epsilon": EPSILON}),
        ("Adam", adam, {"beta_1": 0.8, "beta_2": 0.6}, {"amsgrad": True, "epsilon": EPSILON}),
        ("Adamax", adamax, {"beta_1": 0.8, "beta_2": 0.9}, {"epsilon": EPSILON}),
        ("Nadam", nadam, {"beta_1": 0.8, "beta_2": 0.9}, {"epsilon": EPSILON}),
        ("Lion", lion, {"beta_1": 0.9, "beta_2": 0.5}, {}),
        ("Adagrad", adagrad, {"initial_accumulator_value": 0.2}, {"epsilon": EPSILON}),
        ("Adadelta", adadelta, {"rho": 0.8}, {"epsilon": EPSILON}),
    ],
)
def test_three_steps(name, formula, settings, more):
    optimizer = getattr(pronghorn.optimizers, name)(RATE, **settings, **more)
    variable = pronghorn.Variable(WEIGHTS, dtype="float64")
    for g in GRADIENTS:
        optimizer.apply([pronghorn.ops.convert_to_tensor(g, "float64")], [variable])
    expected = formula(GRADIENTS, WEIGHTS, **settings)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)  # the rate is a float32
