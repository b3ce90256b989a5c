"""Why a network says what it says: shares of its inputs in an answer, by SHAP.

    pip install shap
    pronghorn run examples/shap_explanations.py

`KernelExplainer` and `PermutationExplainer` ask the network's `predict` about inputs of which some are replaced, and
need nothing else of it. The data are made up so that the truth is known: of six inputs, the first three decide.
Expect both explainers to give the other three under 5 % of the whole.
"""

import keras
import numpy as np
import shap
from keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(4000, 6)).astype("float32")
y = 2 * x[:, 0] - x[:, 1] + np.maximum(x[:, 2], 0)

model = keras.Sequential([keras.Input((6,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.01), loss="mse")
model.fit(x, y, epochs=8, batch_size=64, verbose=0)


def answers(rows):
    """The network's answers, one number a row."""
    return model.predict(np.asarray(rows, "float32"), verbose=0)[:, 0]


background, cases = x[:50], x[100:110]
kernel = shap.KernelExplainer(answers, background).shap_values(cases, nsamples=200, silent=True)
permutation = shap.PermutationExplainer(answers, background, seed=0)(cases, silent=True).values

expected = answers(background).mean()
for name, values in (("Kernel", kernel), ("Permutation", permutation)):
    shares = np.abs(values).mean(axis=0)
    print(f"{name}: shares of the inputs {np.round(shares / shares.sum(), 3)}")
    print(f"{name}: {shares[3:].sum() / shares.sum():.1%} for inputs that do not count")
    # The shares of an answer add up to what it differs from the mean answer by.
    print(f"{name}: largest gap {np.abs(values.sum(axis=1) - (answers(cases) - expected)).max():.5f}")
