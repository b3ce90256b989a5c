"""A search over layers and learning rates with Optuna, which ends hopeless trials early.

    pip install optuna optuna-integration
    pronghorn run examples/optuna_search.py

The data are 569 measured tumours, which are in scikit-learn. Each trial trains a small network; its validation accuracy
goes to Optuna after every epoch, through Optuna's own callback for Keras. Expect about 96 % for the best trial, and a
third of the trials pruned.
"""

import keras
import optuna
from keras import layers
from optuna_integration import KerasPruningCallback
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(0)
optuna.logging.set_verbosity(optuna.logging.WARNING)

x, y = load_breast_cancer(return_X_y=True)
x_train, x_valid, y_train, y_valid = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_valid = scaler.transform(x_train), scaler.transform(x_valid)


def build(trial):
    """A network whose layers a trial chooses."""
    model = keras.Sequential([keras.Input((x.shape[1],))])
    for number in range(trial.suggest_int("layers", 1, 2)):
        model.add(layers.Dense(trial.suggest_int(f"units_{number}", 4, 32, log=True), activation="relu"))
        model.add(layers.Dropout(trial.suggest_float(f"dropout_{number}", 0.0, 0.5)))
    model.add(layers.Dense(1, activation="sigmoid"))
    rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def objective(trial):
    """The validation accuracy of a trial."""
    history = build(trial).fit(
        x_train,
        y_train,
        validation_data=(x_valid, y_valid),
        epochs=15,
        verbose=0,
        callbacks=[KerasPruningCallback(trial, "val_accuracy")],
    )
    return history.history["val_accuracy"][-1]


study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
)
study.optimize(objective, n_trials=15)

pruned = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.PRUNED]
print(f"{len(study.trials)} trials, {len(pruned)} of them pruned")
print(f"Best validation accuracy {study.best_value:.2%}")
for name, value in study.best_params.items():
    print(f"  {name}: {value:.4g}")
