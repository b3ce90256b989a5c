"""A folder for `sys.path`: processes that multiprocessing starts afresh have the script's path, but no import hooks."""
