"""`tf.keras.backend` of older scripts."""
