"""A graph as text, one node a line."""

from __future__ import annotations

import numpy as np

from pronghorn.graph.ir import Graph, Value


def print_graph(graph: Graph, indent: str = "") -> str:
    """``graph`` as text: inputs, a line per node, outputs; subgraphs indented below their node."""
    names: dict[Value, str] = {}

    def name(value: Value) -> str:
        return names.setdefault(value, f"%{len(names)}")

    def typed(value: Value) -> str:
        return f"{name(value)}:{value.aval}"

    lines = [f"{indent}{graph.name}({', '.join(typed(v) for v in graph.inputs)}):"]
    for node in graph.nodes:
        params = {k: _short(v) for k, v in node.params.items() if not isinstance(v, Graph)}
        shown = "".join(f" {k}={v}" for k, v in params.items())
        outs = ", ".join(typed(v) for v in node.outputs)
        scope = f"   # {node.scope}" if node.scope else ""
        lines.append(f"{indent}  {outs} = {node.prim.name}({', '.join(name(v) for v in node.inputs)}){shown}{scope}")
        for key, sub in node.params.items():
            if isinstance(sub, Graph):
                lines.append(f"{indent}    {key}:")
                lines.append(print_graph(sub, indent + "      "))
    lines.append(f"{indent}  return {', '.join(name(v) for v in graph.outputs)}")
    return "\n".join(lines)


def _short(param: object) -> str:
    if isinstance(param, np.ndarray):
        return str(param.item()) if param.size == 1 else f"<{param.dtype}{list(param.shape)}>"
    return str(param)
