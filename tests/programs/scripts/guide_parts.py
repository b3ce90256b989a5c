"""What the scripts in the style of Keras's guides share: data, weights that both libraries start with, and figures."""

import numpy as np

_rng = np.random.default_rng(1)
X = _rng.normal(size=(100, 8)).astype("float32")
LABELS = X[:, :3].argmax(-1).astype("int32")
WEIGHTS = np.linspace(0.2, 1, 100).astype("float32")
NOISE = np.sin(np.arange(128, dtype="float32")).reshape(32, 4)


def start(model, seed):
    """Give a model weights that do not depend on the library."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.3, np.shape(w)).astype("float32") for w in model.get_weights()])
    return model


def show(name, values):
    """Print figures of which the test compares the numbers."""
    print("FIGURES", name, *(f"{float(v):.6f}" for v in np.ravel(values)))


def show_training(model, **more):
    """Train a classifier in the ways of `fit`, and print what came of it."""
    settings = {"batch_size": 16, "shuffle": False, "verbose": 0}
    histories = [
        model.fit(X, LABELS, epochs=2, validation_data=(X[:40], LABELS[:40]), **settings),
        model.fit(X, LABELS, sample_weight=WEIGHTS, **settings),
        model.fit(X, LABELS, class_weight={0: 1.0, 1: 0.5, 2: 2.0}, **settings),
    ]
    for history in histories:
        for name in sorted(history.history):
            show(name, history.history[name])
    show("evaluate", model.evaluate(X, LABELS, verbose=0))
    show("predict", model.predict(X[:3], verbose=0))
    show("on_batch", model.train_on_batch(X[:8], LABELS[:8]))
    show("iterations", [int(model.optimizer.iterations)])
