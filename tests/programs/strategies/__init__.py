"""What hypothesis draws for the comparisons with Keras, a module for each family of names."""
