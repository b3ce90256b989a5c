"""What processes compare of `compile`."""

import numpy as np
import pytest

import pronghorn as ph
from pronghorn.distribution import agreement, together
from pronghorn.trainers import loops
from pronghorn.trainers.settings import settings_of


def model(optimizer="sgd", loss="mse", **settings):
    made = ph.Sequential([ph.Input((3,)), ph.layers.Dense(2)])
    made.compile(optimizer, loss, **settings)
    return made


def custom_loss(y_true, y_pred):
    return ph.ops.mean(ph.ops.abs(y_true - y_pred))


class Strange(ph.losses.Loss):
    def call(self, y_true, y_pred):
        return y_pred - y_true

    def get_config(self):
        raise NotImplementedError


optimizers, losses, schedules = ph.optimizers, ph.losses, ph.optimizers.schedules
PAIRS = {
    "learning_rate=0.1": [{"optimizer": optimizers.SGD(rate)} for rate in (0.1, 0.2)],
    "learning_rate.decay_rate=0.9": [
        {"optimizer": optimizers.SGD(schedules.ExponentialDecay(0.1, 100, rate))} for rate in (0.9, 0.8)
    ],
    "momentum=0.9": [{"optimizer": optimizers.SGD(0.1, momentum=m)} for m in (0.9, 0.8)],
    "clipnorm=1.0": [{"optimizer": optimizers.SGD(0.1, clipnorm=c)} for c in (1.0, None)],
    "weight_decay=0.01": [{"optimizer": optimizers.AdamW(0.1, weight_decay=c)} for c in (0.01, 0.02)],
    "optimizer=SGD": [{"optimizer": name} for name in ("sgd", "adam")],
    "inner_optimizer.learning_rate=0.1": [
        {"optimizer": optimizers.LossScaleOptimizer(optimizers.SGD(rate))} for rate in (0.1, 0.2)
    ],
    "initial_scale=16.0": [
        {"optimizer": optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=scale)} for scale in (16.0, 8.0)
    ],
    "delta=3.0": [{"loss": losses.Huber(delta=delta)} for delta in (3.0, 2.0)],
    "no loss.delta": [{"loss": losses.Huber(delta=delta)} for delta in (1.0, 2.0)],
    "loss=custom_loss": [{"loss": loss} for loss in (custom_loss, "mse")],
    r"loss\[0\]='mse'": [{"loss": [loss]} for loss in ("mse", "mae")],
    "loss=Strange": [{"loss": loss} for loss in (Strange(), "mse")],
    r"loss_weights\[0\]=0.5": [{"loss": ["mse"], "loss_weights": [w]} for w in (0.5, 0.25)],
    "steps_per_execution=2": [{"steps_per_execution": n} for n in (2, 3)],
}


class Others:
    """A process that answers with the settings of a model."""

    def __init__(self, other):
        self.facts = {"settings of training": settings_of(other)}

    def everyones(self, item):
        return [item, (item[0], self.facts)]


class Shared:
    def __init__(self, others):
        self.communicator = others

    def check_same(self, what, facts):
        agreement.check_same(self.communicator, what, facts)


def agree(monkeypatch, one, two):
    monkeypatch.setattr(together, "distribution", lambda: Shared(Others(two)))
    loops.agree_on_settings("fit", one)


@pytest.mark.parametrize("shown", PAIRS)
def test_what_differs_is_named(monkeypatch, shown):
    one, two = (model(**settings) for settings in PAIRS[shown])
    agree(monkeypatch, one, one)
    agree(monkeypatch, two, two)
    with pytest.raises(
        agreement.ProcessesDiffer, match=rf"process 0 has [ \w.]*{shown}, process 1 .*Compile the model"
    ):
        agree(monkeypatch, one, two)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": lambda: optimizers.Adam(lambda: 0.1)},
        {"optimizer": lambda: optimizers.SGD(float("nan"))},
        {"optimizer": lambda: optimizers.SGD(0.1, clipnorm=1e300)},
        {"loss": lambda: lambda y_true, y_pred: y_pred},
        {"loss": Strange},
        {"loss": lambda: losses.CategoricalFocalCrossentropy(alpha=np.ones(2))},
    ],
)
def test_what_was_made_alike_is_alike(monkeypatch, settings):
    """Names that are given automatically and addresses in memory are no settings."""
    one, two = (model(**{name: make() for name, make in settings.items()}) for _ in range(2))
    agree(monkeypatch, one, two)


def test_a_rate_that_a_callback_changes_is_compared(monkeypatch):
    one, two = model(), model()
    agree(monkeypatch, one, two)
    two.optimizer.learning_rate = 0.5
    with pytest.raises(agreement.ProcessesDiffer, match=r"learning_rate=0.01, process 1 optimizer.learning_rate=0.5"):
        agree(monkeypatch, one, two)


def test_a_single_process_writes_nothing_down(monkeypatch):
    monkeypatch.setattr(loops, "settings_of", None)
    loops.agree_on_settings("fit", model())
