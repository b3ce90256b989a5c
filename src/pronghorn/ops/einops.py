"""Axes rearranged by a pattern that names them."""

from __future__ import annotations

import re
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, comparable, product
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.shaping import permute

_TOKEN = re.compile(r"\.\.\.|\(|\)|[A-Za-z_][A-Za-z_0-9]*|1|\S")


@symbolic_aware
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """Split, permute and join axes.

    Args:
        tensor: the array.
        pattern: the axes' names before and after, such as ``"b (h p) c -> b h (p c)"``; names in parentheses share
            one axis, the last varying fastest.
        **axes_lengths: extents of named axes; needed for all but one of those that share an axis.

    Raises:
        ValueError: if the pattern does not fit the array.

    >>> import numpy as np
    >>> rearrange(np.zeros((2, 6, 3)), "b (h p) c -> b h (p c)", p=2).shape
    (2, 3, 6)
    """
    x = B.convert(tensor)
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"rearrange: {pattern!r} must have an arrow: 'axes before -> axes after'.")
    before, after = (_groups(side, pattern) for side in (left, right))
    before = _with_ellipsis(before, before, x.ndim, pattern)
    after = _with_ellipsis(after, before, x.ndim, pattern)
    names = [n for group in before for n in group]
    if sorted(names) != sorted(n for group in after for n in group) or len(set(names)) != len(names):
        raise ValueError(f"rearrange: {pattern!r} must name the same axes on both sides, each once.")
    extents = _extents(x, before, axes_lengths, pattern)
    x = P.reshape(x, shape=tuple(extents[n] for n in names))
    x = permute(x, [names.index(n) for group in after for n in group])
    return P.reshape(x, shape=tuple(product(tuple(extents[n] for n in group)) for group in after))


def _groups(side: str, pattern: str) -> list[list[str]]:
    """The axes of one side, each as the list of names that share it."""
    groups: list[list[str]] = []
    inside = False
    for token in _TOKEN.findall(side):
        if token in "()" and len(token) == 1:
            if inside == (token == "("):
                raise ValueError(f"rearrange: the parentheses in {pattern!r} do not match.")
            inside = token == "("
            if inside:
                groups.append([])
        elif token == "1":
            groups.append([]) if not inside else None
        elif token != "..." and not (token[0].isalpha() or token[0] == "_"):
            raise ValueError(f"rearrange: {token!r} in {pattern!r} is no name of an axis.")
        elif inside:
            groups[-1].append(token)
        else:
            groups.append([token])
    if inside:
        raise ValueError(f"rearrange: the parentheses in {pattern!r} do not match.")
    return groups


def _with_ellipsis(groups: list[list[str]], before: list[list[str]], rank: int, pattern: str) -> list[list[str]]:
    """The groups with ``...`` replaced by made-up names for the axes that it stands for."""
    hidden = rank - sum(1 for g in before if "..." not in g)
    named = [n for g in before for n in g if n.startswith("...")]
    if ["..."] not in before and not named and rank != len(before):
        raise ValueError(f"rearrange: {pattern!r} names {counted(len(before), 'axis', 'axes')}, the array has {rank}.")
    if named and named != ["..."]:
        hidden = len(named)
    fill = [f"...{i}" for i in range(max(hidden, 0))]
    out: list[list[str]] = []
    for group in groups:
        if group == ["..."]:
            out.extend([name] for name in fill)
        else:
            out.append([m for n in group for m in (fill if n == "..." else [n])])
    return out


def _extents(x: Tensor, before: list[list[str]], given: dict[str, int], pattern: str) -> dict[str, Extent]:
    extents: dict[str, Extent] = dict(given)
    if len(before) != x.ndim:
        raise ValueError(
            f"rearrange: {pattern!r} names {counted(len(before), 'axis', 'axes')}, the array has {x.ndim}."
        )
    for group, size in zip(before, x.shape):
        unknown = [n for n in group if n not in extents]
        known = product(tuple(extents[n] for n in group if n in extents))
        if len(unknown) > 1:
            raise ValueError(f"rearrange: the extents of {', '.join(unknown[1:])} in {pattern!r} must be given.")
        if unknown:
            if comparable(size, known) and (known == 0 or size % known != 0):
                raise ValueError(f"rearrange: an axis of {size} does not divide by {known} for {pattern!r}.")
            extents[unknown[0]] = size // known
        elif known != size:
            raise ValueError(
                f"rearrange: ({' '.join(group)}) stands for {counted(known, 'element')}, the axis has {size}."
            )
    return extents
