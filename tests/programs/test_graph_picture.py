"""Pictures of printed graphs: what is shown, and that nothing lies on anything else."""

import importlib.util
import sys
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "graph_picture.py"
TEXT = """step(%0:float32[4,3], %1:float32[3]):
  %2:float32[4,3] = broadcast_in_dim(%1) shape=(4, 3) dims=(1,)   # layer
  %3:float32[4,3] = add(%0, %2)   # layer
  %4:float32[] = constant() value=0.0
  %5:float32[4,3] = mul(%3, %3)
  %6:float32[] = add(%4, %4)
  %7:float32[3] = reduce_sum(%5) axes=(0,)   # loss
  %8:float32[3] = sub(%1, %7)   # loss
  return %8
"""


@pytest.fixture(scope="module")
def picture():
    spec = importlib.util.spec_from_file_location("graph_picture", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_what_a_graph_shows(picture):
    nodes = picture.parse(TEXT, {"0": "x", "1": "bias"})
    assert list(nodes) == ["0", "1", "3", "5", "7", "8"]
    assert nodes["3"].reads == ["0", "1"] and nodes["5"].reads == ["3"]
    assert nodes["5"].origin == "layer"  # that of what it reads


def test_arrows_go_down_and_nodes_lie_apart(picture):
    nodes = picture.parse(TEXT, {"0": "x", "1": "bias"})
    picture.lay_out(nodes)
    assert any(not node.label for node in nodes.values())  # the way of the bias to where it is updated
    assert all(nodes[read].depth == node.depth - 1 for node in nodes.values() for read in node.reads)
    rows = {node.depth: [n.place for n in nodes.values() if n.depth == node.depth] for node in nodes.values()}
    assert all(abs(a - b) > 0.25 for places in rows.values() for a, b in combinations(places, 2))
