"""`tf.math`, `tf.linalg`, `tf.signal` and `tf.random`."""
