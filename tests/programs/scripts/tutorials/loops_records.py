"""TFRecords: examples written, read, parsed, and trained on."""

import os
import tempfile

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)


def _bytes_feature(value):
    if isinstance(value, type(tf.constant(0))):
        value = value.numpy()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _float_feature(value):
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


def _int64_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def serialize_example(image, weights, label, name):
    feature = {
        "image": _bytes_feature(tf.io.serialize_tensor(image).numpy()),
        "weights": _float_feature(weights),
        "label": _int64_feature(label),
        "name": _bytes_feature(name.encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


print("example", len(serialize_example(np.zeros((2, 2), "float32"), [0.5], 3, "x")) > 40)
filename = os.path.join(tempfile.mkdtemp(), "test.tfrecord")
with tf.io.TFRecordWriter(filename) as writer:
    for i in range(20):
        writer.write(serialize_example(np.full((4, 4), i, "float32"), [i / 2, 1.0], i % 3, f"n{i}"))
raw_dataset = tf.data.TFRecordDataset([filename])
feature_description = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "weights": tf.io.FixedLenFeature([2], tf.float32),
    "label": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    "name": tf.io.VarLenFeature(tf.string),
    "missing": tf.io.FixedLenFeature([], tf.string, default_value=""),
}


def _parse_function(example_proto):
    parsed = tf.io.parse_single_example(example_proto, feature_description)
    image = tf.io.parse_tensor(parsed["image"], out_type=tf.float32)
    image = tf.ensure_shape(image, [4, 4])
    return image, parsed["label"], parsed["weights"], tf.sparse.to_dense(parsed["name"]), parsed["missing"]


parsed_dataset = raw_dataset.map(_parse_function)
for image, label, weights, name, missing in parsed_dataset.take(2):
    print("parsed", image.shape, int(label), weights.numpy().tolist(), name.numpy().tolist(), missing.numpy())
for raw_record in raw_dataset.take(1):
    example = tf.train.Example()
    example.ParseFromString(raw_record.numpy())
    print("features", sorted(example.features.feature), list(example.features.feature["label"].int64_list.value))
print("records", sum(1 for _ in raw_dataset))
train = parsed_dataset.map(lambda image, label, *rest: (image / 20.0, label)).batch(5)
model = tf.keras.Sequential([tf.keras.layers.Input((4, 4)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(3)])
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile("sgd", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
print("loss", [round(v, 3) for v in model.fit(train, epochs=2, verbose=0).history["loss"]])
