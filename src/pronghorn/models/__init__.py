"""Models: sequential, functional and subclassed, and the graph of operations that describes them."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "Model": ".model",
        "Sequential": ".sequential",
        "clone_model": ".cloning",
        "model_from_json": ".model",
    },
)
