"""Steps that count how often they are traced."""

from pronghorn.calls.batch import as_batch
from pronghorn.calls.step import StepFunction


def counted(step):
    """How often a step was traced, and the step as a function of arrays."""
    count = []

    def counting(x):
        count.append(1)
        return step(x)

    function = StepFunction(counting, "step")
    return count, lambda *arrays: function(as_batch(arrays if len(arrays) > 1 else arrays[0]))
