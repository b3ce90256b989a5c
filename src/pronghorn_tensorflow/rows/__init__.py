"""`tf.ragged`, `tf.sparse` and `tf.sets`: rows of different lengths, and few values of many."""
