"""A training logged with Weights & Biases, offline: nothing leaves the machine.

    pip install wandb
    pronghorn run examples/wandb_offline.py

The run's results go to a temporary folder, from where `wandb sync` would take them to an account. The script reads the
folder's log back. Expect a test accuracy of about 93 %.
"""

import glob
import os
import tempfile

os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

import keras
import wandb
from keras import layers
from wandb.integration.keras import WandbMetricsLogger

keras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, y_train = x_train[:10_000] / 255.0, y_train[:10_000]

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

with tempfile.TemporaryDirectory() as folder:
    with wandb.init(project="digits", dir=folder, config={"units": 64}) as run:
        model.fit(
            x_train,
            y_train,
            validation_split=0.1,
            epochs=4,
            verbose=0,
            callbacks=[WandbMetricsLogger(log_freq=50)],
        )
        accuracy = model.evaluate(x_test / 255.0, y_test, verbose=0)[1]
        run.summary["test_accuracy"] = accuracy
        logged = sorted(key for key in dict(run.summary) if key.startswith("epoch/"))
    wandb.teardown()  # what writes the log, a process of its own, has ended then
    (log,) = glob.glob(os.path.join(folder, "wandb", "offline-run-*", "*.wandb"))
    print(f"Logged {', '.join(logged)}: {os.path.getsize(log)} bytes")
print(f"Test accuracy {accuracy:.2%}")
