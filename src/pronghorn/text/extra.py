"""The libraries of the extra `text`."""

INSTALL = "to install it: pip install 'pronghorn[text]'"
