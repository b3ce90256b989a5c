"""Makes the files beside it with Keras 2 (pip install tf_keras): models after two steps of training, what they predict.

Run once, with tf_keras 2.21; its files are kept so that the tests need neither TensorFlow nor Keras 2.
"""

import numpy as np
import tf_keras as keras

layers = keras.layers


def convolutional():
    model = keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(9, 9, 2)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.l2(1e-3)),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, [(4, 9, 9, 2)]


def functional():
    a, b = keras.Input((8,), name="a"), keras.Input((5, 3), name="b")
    encoder = keras.Sequential([layers.Dense(4, activation="gelu"), layers.LayerNormalization()], name="enc")
    recurrent = layers.Bidirectional(layers.LSTM(3))(b)
    sequence = layers.GlobalAveragePooling1D()(layers.GRU(4, return_sequences=True)(b))
    joined = layers.Concatenate()([encoder(a), recurrent, sequence, layers.Reshape((8,))(a)])
    outputs = layers.Dense(2, name="out")(joined) * 2.0 + layers.Dense(2, use_bias=False)(a)
    model = keras.Model([a, b], outputs, name="fun")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model, [(4, 8), (4, 5, 3)]


def attention():
    x = keras.Input((5, 4))
    y = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)]))
    y = layers.TimeDistributed(layers.Dense(3, activation="tanh"))(y)
    y = layers.SimpleRNN(3)(layers.SeparableConv1D(3, 2, padding="same")(y))
    shared = layers.Dense(3)
    model = keras.Model(x, shared(shared(y)))
    model.compile("rmsprop", "mae")
    return model, [(4, 5, 4)]


def embedding():
    model = keras.Sequential(
        [
            layers.Embedding(10, 4, mask_zero=True, input_length=6),
            layers.LSTM(3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.build((None, 6))
    model.compile("adam", "binary_crossentropy", metrics=["acc"])
    return model, None


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for build in (convolutional, functional, attention, embedding):
        model, shapes = build()
        xs = [rng.normal(size=s).astype("float32") for s in shapes] if shapes else [rng.integers(0, 10, (4, 6))]
        x = xs[0] if len(xs) == 1 else xs
        shape = (4,) if build is convolutional else (4, *model.output_shape[1:])
        y = rng.integers(0, 2, shape).astype("float32")
        model.fit(x, y, epochs=2, verbose=0)
        model.save(f"{build.__name__}.h5")
        model.save(f"{build.__name__}.keras")
        if build is functional:
            model.save_weights("functional_weights.h5")
        np.savez(f"{build.__name__}.npz", *xs, pred=model.predict(x, verbose=0))
