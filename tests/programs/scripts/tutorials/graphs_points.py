"""Point clouds: a network that does not mind the order of points, with a regularizer of its own."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
points = rng.normal(size=(16, 32, 3)).astype("float32")
labels = rng.integers(0, 3, 16)
CLASS_MAP = {0: "chair", 1: "sofa", 2: "table"}
print("classes", [CLASS_MAP[int(v)] for v in labels[:4]])


def conv_bn(x, filters):
    x = layers.Conv1D(filters, kernel_size=1, padding="valid")(x)
    x = layers.BatchNormalization(momentum=0.0)(x)
    return layers.Activation("relu")(x)


class OrthogonalRegularizer(keras.regularizers.Regularizer):
    def __init__(self, num_features, l2reg=0.001):
        self.num_features, self.l2reg = num_features, l2reg
        self.eye = tf.eye(num_features)

    def __call__(self, x):
        x = tf.reshape(x, (-1, self.num_features, self.num_features))
        xxt = tf.tensordot(x, x, axes=(2, 2))
        xxt = tf.reshape(xxt, (-1, self.num_features, self.num_features))
        return tf.reduce_sum(self.l2reg * tf.square(xxt - self.eye))


def tnet(inputs, num_features):
    x = conv_bn(inputs, 8)
    x = layers.GlobalMaxPooling1D()(x)
    x = layers.Dense(
        num_features * num_features,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(np.eye(num_features).flatten()),
        activity_regularizer=OrthogonalRegularizer(num_features),
    )(x)
    feat_T = layers.Reshape((num_features, num_features))(x)
    return layers.Dot(axes=(2, 1))([inputs, feat_T])


inputs = keras.Input(shape=(32, 3))
x = tnet(inputs, 3)
x = conv_bn(x, 8)
x = layers.GlobalMaxPooling1D()(x)
outputs = layers.Dense(3, activation="softmax")(x)
model = keras.Model(inputs=inputs, outputs=outputs, name="pointnet")
model.set_weights(
    [
        np.ones(w.shape) if "variance" in w.name or "gamma" in w.name else rng.normal(0, 0.2, w.shape)
        for w in model.weights
    ]
)
print("parameters", model.count_params())


def augment(points, label):
    points += tf.random.uniform(points.shape, -0.005, 0.005, dtype=tf.float32)
    return tf.random.shuffle(points), label


ds = tf.data.Dataset.from_tensor_slices((points, labels))
shuffled = ds.shuffle(16).map(augment).batch(8)
print("augmented", [tuple(x.shape) for x, y in shuffled])
shifted = model(tf.reverse(tf.constant(points[:2]), axis=[1]))
print("order", bool(np.allclose(model(points[:2]), shifted, atol=1e-5)))
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.Adam(0.001),
    metrics=["sparse_categorical_accuracy"],
)
print("loss", round(model.evaluate(ds.batch(8), verbose=0)[0], 3))
