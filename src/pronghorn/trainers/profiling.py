"""`Model.profile`: a few compiled steps with a clock around every kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pronghorn.calls.batch import Batch
from pronghorn.calls.step import Program, StepFunction
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.user_code import warn
from pronghorn.trainers import checks
from pronghorn.trainers.data_adapters import make_adapter

if TYPE_CHECKING:
    from pronghorn.engine.backends.llvm.profile import Profile

KINDS = ("train", "test", "predict")


def profile_step(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    steps: int,
    kind: str,
) -> Profile:
    """Run steps of a model and return what each kernel took; the model's variables are as before afterwards.

    Args:
        model: the model.
        x: inputs; see `Trainer.fit`.
        y: targets.
        sample_weight: weights of the samples.
        batch_size: samples a step.
        steps: how many steps.
        kind: one of `KINDS`.

    Raises:
        ValueError: if the model was not compiled, does not fit the data, or an argument is wrong.
        RuntimeError: if the step cannot be compiled.
    """
    if kind not in KINDS:
        raise ValueError(f"profile: step={kind!r}; it must be one of {', '.join(map(repr, KINDS))}.")
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"profile: `steps` must be a positive number of steps, got {steps!r}.")
    if kind != "predict":
        checks.check_compiled(model, "profile")
    adapter = make_adapter(x, y, sample_weight, batch_size, check=kind != "predict")
    if kind != "predict":
        checks.check_data(model, adapter)
    batches = _batches(adapter, steps)
    function: StepFunction = model._function(kind)
    program = function.prepare(batches[0])
    if program is None:
        raise RuntimeError(
            f"profile: {function.name} runs eagerly, so there are no kernels to measure. Compile the model with "
            "run_eagerly=False, and write its step with ops only."
        )
    if function.engine not in choice.OWN_WAYS:
        warn(
            f"profile: what is measured is Pronghorn's own engine; {function.name} runs on {function.engine!r}, whose "
            "steps that library's own profiler looks into."
        )
    return _measure(program, batches, steps)


def _batches(adapter: Any, steps: int) -> list[Batch]:
    """Up to ``steps`` batches of the size of the first."""
    adapter.on_epoch_begin()
    found: list[Batch] = []
    for batch in adapter.batches():
        if not found or (batch.key == found[0].key and batch.size == found[0].size):
            found.append(batch)
        if len(found) == steps:
            break
    if not found:
        raise ValueError("profile: the data set is empty: it gave no batch.")
    return found


def _measure(program: Program, batches: list[Batch], steps: int) -> Profile:
    from pronghorn.engine.backends.llvm import Executable

    gathered = tuple(range(len(batches[0].arrays))) if batches[0].rows is not None else ()
    executable = Executable(program.traced, gathered, profile=True)
    profile = cast("Profile", executable.profile)
    held = [(variable, variable.storage().copy()) for variable in program.traced.updated]
    try:
        for number in range(steps + 1):  # the first is not counted
            executable(*batches[number % len(batches)].arguments())
    finally:
        for variable, value in held:
            variable.assign(value)
    return profile
