"""A model to begin with, for data of each kind."""

from __future__ import annotations

from pronghorn import layers, models
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.plans import ModelPlan, plan_of
from pronghorn.studio.settings import Settings


def starting_plan(data: DataSet) -> ModelPlan:
    """A small model for a data set: convolutions for images, dense layers for a table."""
    stack = _for_images(data) if data.kind == "images" else _for_rows(data)
    if data.classes:
        stack.append(layers.Dense(len(data.classes), activation="softmax", name="classes"))
    else:
        stack.append(layers.Dense(1, name="value"))
    return plan_of(models.Sequential([layers.Input(data.shape, name="input"), *stack], name="model"))


def starting_settings(data: DataSet) -> Settings:
    """How to train it at first."""
    batch = 128 if len(data.x) >= 2000 else 32 if len(data.x) >= 200 else 8
    if data.classes:
        return Settings(batch_size=batch, epochs=5 if len(data.x) >= 2000 else 20)
    return Settings(loss="mean_squared_error", metrics=("mean_absolute_error",), batch_size=min(batch, 32), epochs=20)


def _for_images(data: DataSet) -> list[layers.Layer]:
    stack: list[layers.Layer] = []
    if data.largest > 1:
        stack.append(layers.Rescaling(1 / 255, name="rescaling"))
    side = min(data.shape[:2])
    for number, filters in enumerate((16, 32, 64), 1):
        if side < (4 if number == 1 else 10):
            break
        stack.append(layers.Conv2D(filters, 3, activation="relu", name=f"conv_{number}"))
        stack.append(layers.MaxPooling2D(2, name=f"pool_{number}"))
        side = (side - 2) // 2
    return [*stack, layers.Flatten(name="flatten"), layers.Dropout(0.3, name="dropout")]


def _for_rows(data: DataSet) -> list[layers.Layer]:
    stack: list[layers.Layer] = [layers.Flatten(name="flatten")] if len(data.shape) > 1 else []
    return [
        *stack,
        layers.Dense(64, activation="relu", name="hidden_1"),
        layers.Dense(32, activation="relu", name="hidden_2"),
    ]
