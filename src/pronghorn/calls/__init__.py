"""Calls of compiled functions: their arguments, taken apart into arrays and what is known when they are compiled."""
