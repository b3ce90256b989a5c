"""The files of Keras 2: whole models and weights in HDF5, and models as JSON."""
