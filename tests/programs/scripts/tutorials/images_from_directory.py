"""Pictures in folders, read with image_dataset_from_directory, split, cached and normalised."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow import keras

folder = tempfile.mkdtemp()
rng = np.random.default_rng(1)
for name, colour in (("blue", (10, 20, 200)), ("red", (210, 30, 10))):
    os.makedirs(os.path.join(folder, name))
    for i in range(6):
        noise = rng.integers(-10, 10, (24, 32, 3))
        pixels = (np.array(colour) + noise).clip(0, 255).astype("uint8")
        Image.fromarray(pixels).save(os.path.join(folder, name, f"{i}.png"))

ds = keras.utils.image_dataset_from_directory(folder, image_size=(16, 16), batch_size=4, shuffle=False, verbose=False)
print("classes", ds.class_names)
for images, labels in ds.take(1):
    print("batch", images.shape, labels.numpy().tolist())
print("batches", tf.data.experimental.cardinality(ds).numpy())
print("files", [os.path.basename(p) for p in ds.file_paths][:3])
normalization = keras.layers.Rescaling(1.0 / 255)
normalized = ds.map(lambda x, y: (normalization(x), y)).cache().prefetch(buffer_size=tf.data.AUTOTUNE)
first = next(iter(normalized))[0]
print("range", float(np.min(first)) >= 0.0, float(np.max(first)) <= 1.0)
print("mean", round(float(tf.reduce_mean(first)), 3))
