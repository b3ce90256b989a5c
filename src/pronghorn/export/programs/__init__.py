"""Formats of the engines' libraries: a module each, which imports its library and is imported when it is asked for."""
