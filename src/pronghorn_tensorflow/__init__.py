"""What stands for TensorFlow where a script says `import tensorflow`."""
