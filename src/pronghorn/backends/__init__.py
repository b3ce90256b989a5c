"""What runs graphs, and single calls: importing this gives the primitives of `pronghorn.graph` their meaning."""

from pronghorn.backends import eager, numpy
