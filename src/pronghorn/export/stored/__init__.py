"""Functions and variables in a folder of our own, which any Pronghorn reads: the graphs as data, and no code."""
