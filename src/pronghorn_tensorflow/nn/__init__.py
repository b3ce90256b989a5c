"""`tf.nn`, and functions that cut arrays into blocks and windows."""
