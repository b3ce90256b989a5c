"""Training under a strategy, with the loss averaged by hand."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
strategy = tf.distribute.get_strategy()
print("replicas", strategy.num_replicas_in_sync)
x, y = rng.random((64, 5)).astype("float32"), rng.integers(0, 3, 64)
BATCH = 16 * strategy.num_replicas_in_sync
train = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
dist = strategy.experimental_distribute_dataset(train)
with strategy.scope():
    loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    model = tf.keras.Sequential(
        [tf.keras.layers.Input((5,)), tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dense(3)]
    )
    model.set_weights([rng.normal(0, 0.4, w.shape) for w in model.get_weights()])
    optimizer = tf.keras.optimizers.Adam(0.01)


def train_step(inputs):
    images, labels = inputs
    with tf.GradientTape() as tape:
        predictions = model(images, training=True)
        per_example_loss = loss_object(labels, predictions)
        loss = tf.nn.compute_average_loss(per_example_loss, global_batch_size=BATCH)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(2):
    total, batches = 0.0, 0
    for batch in dist:
        per_replica = strategy.run(train_step, args=(batch,))
        total += strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)
        batches += 1
    print("epoch", epoch, "loss", round(float(total) / batches, 4))
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
print("options", len(train.with_options(options)))
print("gpus", len(tf.config.list_physical_devices("GPU")))
tf.debugging.assert_shapes([(model(x), ("N", 3)), (y, ("N",))])
try:
    tf.debugging.assert_equal([1, 2], [1, 3])
except tf.errors.InvalidArgumentError:
    print("caught")
