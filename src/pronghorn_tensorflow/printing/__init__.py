"""How TensorFlow writes its tensors, and `tf.print`."""
