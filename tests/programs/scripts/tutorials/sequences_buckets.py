"""Sequences of different lengths in data sets: generators, padded and ragged batches, buckets."""

import numpy as np
import tensorflow as tf

lengths = [3, 1, 4, 1, 5, 2, 6]


def generate():
    for n in lengths:
        yield np.arange(1, n + 1), n % 2


ds = tf.data.Dataset.from_generator(
    generate, output_signature=(tf.TensorSpec(shape=(None,), dtype=tf.int32), tf.TensorSpec(shape=(), dtype=tf.int32))
)
print("spec", ds.element_spec[0].shape, ds.element_spec[1].shape)
for x, y in ds.padded_batch(3, padded_shapes=([None], [])):
    print("padded", x.numpy().tolist(), y.numpy().tolist())
for x, y in ds.padded_batch(4, padded_shapes=([8], []), padding_values=(-1, 0)).take(1):
    print("padded to 8", x.numpy()[1].tolist())
for x, y in ds.ragged_batch(4):
    print("ragged", x.to_list(), y.numpy().tolist())
buckets = ds.bucket_by_sequence_length(
    element_length_func=lambda x, y: tf.shape(x)[0], bucket_boundaries=[3, 5], bucket_batch_sizes=[2, 2, 2]
)
for x, y in buckets:
    print("bucket", x.shape)
grouped = ds.map(lambda x, y: x).group_by_window(
    key_func=lambda x: tf.cast(tf.shape(x)[0] % 2, tf.int64),
    reduce_func=lambda key, d: d.padded_batch(2),
    window_size=2,
)
print("grouped", [tuple(g.shape) for g in grouped])
print("filtered", [x.shape[0] for x, y in ds.filter(lambda x, y: y == 1)])
print("reduced", int(ds.reduce(np.int32(0), lambda s, xy: s + xy[1])))
mixed = tf.data.Dataset.range(3).interleave(lambda x: tf.data.Dataset.from_tensors(x).repeat(2), cycle_length=2)
print("interleaved", [int(x) for x in mixed])
print("rebatched", [b.numpy().tolist() for b in tf.data.Dataset.range(7).batch(3).rebatch(4)])
zipped = tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(10, 13)))
print("zipped", [(int(a), int(b)) for a, b in zipped])
chosen = tf.data.Dataset.choose_from_datasets(
    [tf.data.Dataset.range(3), tf.data.Dataset.range(10, 13)], tf.data.Dataset.range(2).repeat(2)
)
print("chosen", [int(x) for x in chosen])
print("unbatched", len(list(tf.data.Dataset.range(6).batch(4).unbatch())), "cardinality", int(ds.cardinality()))
