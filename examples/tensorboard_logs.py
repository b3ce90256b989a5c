"""Curves, histograms and a custom scalar for TensorBoard, without TensorFlow.

    pip install tensorboard
    pronghorn run examples/tensorboard_logs.py
    tensorboard --logdir tensorboard-logs

The script writes the folder `tensorboard-logs` and then reads it with TensorBoard's own reader, as its page does.
Expect a validation accuracy of about 93 %.
"""

import keras
from keras import layers
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

LOGS = "tensorboard-logs"

keras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Rescaling(1 / 255),
        layers.Flatten(),
        layers.Dense(64, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax", name="digits"),
    ]
)
decay = keras.optimizers.schedules.ExponentialDecay(0.003, decay_steps=100, decay_rate=0.8)
model.compile(keras.optimizers.Adam(decay), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    x_train[:10_000],
    y_train[:10_000],
    validation_data=(x_test, y_test),
    epochs=4,
    verbose=0,
    callbacks=[keras.callbacks.TensorBoard(LOGS, histogram_freq=1, update_freq=50)],
)

# What the page will show.
found = EventMultiplexer().AddRunsFromDirectory(LOGS)
found.Reload()
for run, tags in sorted(found.Runs().items()):
    print(f"{run}: {', '.join(sorted(tags['scalars']))}")
(*_, last) = found.Scalars("validation", "epoch_accuracy")
print(f"Validation accuracy {last.value:.2%} in epoch {last.step}")
