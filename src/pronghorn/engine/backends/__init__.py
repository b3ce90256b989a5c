"""What runs graphs, and single calls: importing this gives the primitives of `pronghorn.engine.graph` their meaning."""

from pronghorn.engine.backends import eager, numpy
