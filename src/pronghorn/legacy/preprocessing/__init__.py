"""What `tensorflow.keras.preprocessing` has besides Keras 3: names of older versions that scripts still use."""
