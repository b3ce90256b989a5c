"""The networks of `pronghorn.applications`, a module for each family."""
