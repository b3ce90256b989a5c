"""`tf.strings`, and functions of arrays whose elements are strings."""
