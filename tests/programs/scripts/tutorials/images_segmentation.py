"""A small U-shaped network for masks, with a data set of pairs."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(4)
images = rng.random((24, 16, 16, 3)).astype("float32")
masks = (images[..., :1] > 0.5).astype("uint8") + (images[..., 1:2] > 0.8).astype("uint8")


def normalize(input_image, input_mask):
    input_image = tf.cast(input_image, tf.float32) * 2.0 - 1.0
    input_mask = tf.cast(input_mask, tf.int32)
    return input_image, input_mask


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=img_size + (3,))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    skip = x
    x = layers.SeparableConv2D(8, 3, padding="same")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.UpSampling2D(2)(x)
    x = layers.add([x, skip])
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    outputs = layers.Conv2D(num_classes, 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, outputs)


ds = tf.data.Dataset.from_tensor_slices((images, masks)).map(normalize).batch(8)
for image, mask in ds.take(1):
    print("batch", image.shape, mask.shape, mask.dtype == tf.int32, int(tf.reduce_sum(mask)))
model = get_model((16, 16), 3)
model.set_weights(
    [
        np.ones(w.shape) if "variance" in w.name or "gamma" in w.name else rng.normal(0, 0.2, w.shape)
        for w in model.weights
    ]
)
model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="sparse_categorical_crossentropy")
history = model.fit(ds, epochs=2, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
pred = model.predict(ds, verbose=0)
mask = tf.argmax(pred, axis=-1)[..., tf.newaxis]
print("masks", mask.shape, pred.shape)
iou = keras.metrics.MeanIoU(num_classes=3)
iou.update_state([0, 1, 2, 2], [0, 1, 1, 2])
print("iou", round(float(iou.result()), 4))
