"""A folder for `sys.path`: processes that a script starts have its path, but no import hooks."""
