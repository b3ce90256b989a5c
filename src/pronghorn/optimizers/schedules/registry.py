"""Schedules by config."""

from __future__ import annotations

from typing import Any

from pronghorn.optimizers.schedules import decay
from pronghorn.optimizers.schedules.schedule import LearningRateSchedule
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object

ALL_SCHEDULES: dict[str, Any] = {
    cls.__name__: cls
    for cls in vars(decay).values()
    if isinstance(cls, type) and issubclass(cls, LearningRateSchedule) and cls is not LearningRateSchedule
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as a config.

    >>> from pronghorn.optimizers import schedules
    >>> serialize(schedules.CosineDecay(0.1, 10))["class_name"]
    'CosineDecay'
    """
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """Return the schedule of a config.

    >>> settings = {"initial_learning_rate": 0.1, "decay_steps": 10}
    >>> deserialize({"class_name": "CosineDecay", "config": settings}).decay_steps
    10
    """
    return deserialize_keras_object(config, module_objects=ALL_SCHEDULES, custom_objects=custom_objects)
