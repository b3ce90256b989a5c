"""Programs written for Keras and TensorFlow: stand-ins for what they import, and how they are run."""
