"""`tensorflow` in a process that a script of `pronghorn run` starts."""

if __name__ == "tensorflow":  # not where this file is merely looked at, under its own name
    import pronghorn_child

    pronghorn_child.become(__name__)
