"""Models: sequential, functional and subclassed, and the graph of operations that describes them."""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "Functional": ".functional",
        "Model": ".model",
        "Sequential": ".sequential",
        "clone_model": ".cloning",
        "load_model": "pronghorn.saving",
        "model_from_json": ".model",
        "save_model": "pronghorn.saving",
    },
)
