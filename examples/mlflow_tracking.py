"""Two trainings tracked with MLflow, and the better model taken back from its store.

    pip install mlflow
    pronghorn run examples/mlflow_tracking.py

`mlflow.keras.autolog()` notes the arguments of `fit`, each epoch's results and the model, in `.keras` form; `fit`
stays as it is. All of it goes to a temporary folder (with one of your own, `mlflow ui` shows it). Expect the rate
0.01 to win, with about 95 % of 171 tumours right.
"""

import os
import tempfile

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import keras
import mlflow
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(0)

# 1. The data: 569 measured tumours, and whether they are harmless.

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = (scaler.transform(part).astype("float32") for part in (x_train, x_test))


def train(rate):
    """Train one network; MLflow looks on."""
    model = keras.Sequential(
        [keras.Input((x.shape[1],)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, validation_data=(x_test, y_test), epochs=10, batch_size=32, verbose=0)
    return model


with tempfile.TemporaryDirectory() as folder:
    mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
    experiment = mlflow.create_experiment("tumours", artifact_location=f"file:{folder}/files")

    # 2. A run for each rate.

    mlflow.keras.autolog()
    trained = {}
    for rate in (0.0001, 0.01):
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.log_param("rate", rate)
            trained[run.info.run_id] = train(rate)

    # 3. What MLflow knows of them.

    runs = mlflow.search_runs([experiment], order_by=["metrics.validation_accuracy DESC"])
    for _, run in runs.iterrows():
        print(f"rate {run['params.rate']}: validation accuracy {run['metrics.validation_accuracy']:.2%}")
    best = runs.iloc[0]["run_id"]
    epochs = mlflow.MlflowClient().get_metric_history(best, "validation_accuracy")
    print(f"{len(epochs)} epochs noted")

    # 4. The better model, from the store.

    model = mlflow.keras.load_model(f"runs:/{best}/model")
    same = np.array_equal(model.predict(x_test, verbose=0), trained[best].predict(x_test, verbose=0))
    print(f"The model from the store gives {'the same' if same else 'DIFFERENT'} predictions")
