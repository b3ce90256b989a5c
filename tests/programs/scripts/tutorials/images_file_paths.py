"""An input pipeline from file paths: list_files, read_file, decode, resize, labels from the path."""

import os
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image

folder = pathlib.Path(tempfile.mkdtemp())
for name, value in (("cats", 40), ("dogs", 200)):
    (folder / name).mkdir()
    for i in range(3):
        pixels = np.full((20 + i, 30, 3), value + i, "uint8")
        Image.fromarray(pixels).save(folder / name / f"{i}.png")

list_ds = tf.data.Dataset.list_files(str(folder / "*/*"), shuffle=False)
for f in list_ds.take(2):
    print("file", os.path.basename(f.numpy()))
class_names = np.array(sorted(item.name for item in folder.glob("*")))
print("names", class_names)


def get_label(file_path):
    parts = tf.strings.split(file_path, os.path.sep)
    one_hot = parts[-2] == class_names
    return tf.argmax(one_hot)


def decode_img(img):
    img = tf.io.decode_jpeg(img, channels=3)
    return tf.image.resize(img, [10, 10])


def process_path(file_path):
    label = get_label(file_path)
    img = tf.io.read_file(file_path)
    return decode_img(img), label


ds = list_ds.map(process_path, num_parallel_calls=tf.data.AUTOTUNE)
for image, label in ds:
    print("image", image.shape, "mean", round(float(tf.reduce_mean(image)), 3), "label", label.numpy())
batches = ds.cache().shuffle(buffer_size=10, seed=0).batch(4).prefetch(tf.data.AUTOTUNE)
image_batch, label_batch = next(iter(batches))
print("batch", image_batch.shape, label_batch.shape)
