"""Objects as plain data and back: what classes and functions a name in a configuration may stand for."""
