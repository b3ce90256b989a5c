"""Message passing on a graph: gather, segment sums, and a node classifier."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
edges = np.array([[0, 1, 2, 3, 4, 5, 0, 2], [1, 0, 3, 2, 5, 4, 2, 0]])
node_features = tf.cast(rng.normal(size=(6, 4)), dtype=tf.float32)
labels = np.array([0, 0, 1, 1, 0, 1])


class GraphConvLayer(layers.Layer):
    def __init__(self, hidden_units, **kwargs):
        super().__init__(**kwargs)
        self.ffn_prepare = layers.Dense(hidden_units, activation="relu")
        self.update_fn = layers.Dense(hidden_units)

    def aggregate(self, node_indices, neighbour_messages, node_repesentations):
        num_nodes = node_repesentations.shape[0]
        return tf.math.unsorted_segment_mean(neighbour_messages, node_indices, num_segments=num_nodes)

    def call(self, inputs):
        node_repesentations, edges = inputs
        node_indices, neighbour_indices = edges[0], edges[1]
        neighbour_repesentations = tf.gather(node_repesentations, neighbour_indices)
        messages = self.ffn_prepare(neighbour_repesentations)
        aggregated = self.aggregate(node_indices, messages, node_repesentations)
        h = tf.concat([node_repesentations, aggregated], axis=1)
        return tf.nn.l2_normalize(self.update_fn(h), axis=-1)


conv1, head = GraphConvLayer(8, name="graph_conv1"), layers.Dense(2)
out = head(conv1((node_features, edges)))
print("logits", out.shape)
weights = conv1.trainable_weights + head.trainable_weights
for w in weights:
    w.assign(rng.normal(0, 0.4, w.shape))
optimizer = keras.optimizers.Adam(0.05)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
for step in range(3):
    with tf.GradientTape() as tape:
        loss = loss_fn(labels, head(conv1((node_features, edges))))
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
    print("loss", round(float(loss), 4))
degree = tf.math.unsorted_segment_sum(tf.ones(8), edges[0], 6)
print("degrees", degree.numpy().tolist())
adjacency = tf.scatter_nd(tf.transpose(edges), tf.ones(8), (6, 6))
print(
    "adjacency",
    adjacency.shape,
    float(tf.reduce_sum(adjacency)),
    bool(tf.reduce_all(adjacency == tf.transpose(adjacency))),
)
sparse = tf.SparseTensor(edges.T[np.lexsort(edges[::-1])], tf.ones(8), (6, 6))
print(
    "sparse",
    np.allclose(tf.sparse.sparse_dense_matmul(sparse, node_features), tf.matmul(adjacency, node_features), atol=1e-5),
)
