"""Matrix factorisations. Failures give NaN, as in a compiled step."""

from __future__ import annotations

from typing import Any

import torch

from pronghorn.engine.backends.torch.registry import implements, widened

Tensors = tuple[torch.Tensor, ...]


@implements
@widened
def cholesky(x: torch.Tensor) -> torch.Tensor:
    factor, info = torch.linalg.cholesky_ex(x)
    return torch.where((info > 0)[..., None, None], torch.nan, factor)


@implements
@widened
def triangular_solve(a: torch.Tensor, b: torch.Tensor, *, lower: bool, transpose: bool) -> torch.Tensor:
    if transpose:
        return torch.linalg.solve_triangular(a.mT, b, upper=lower)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@implements
@widened
def lu(x: torch.Tensor) -> Tensors:
    factors, pivots, _ = torch.linalg.lu_factor_ex(x)
    return factors, pivots - 1  # PyTorch counts rows from 1


@implements
@widened
def qr(x: torch.Tensor, *, mode: str) -> Tensors:
    return tuple(torch.linalg.qr(x, mode))


@implements
@widened
def svd(x: torch.Tensor, *, full_matrices: bool, compute_uv: bool) -> Tensors:
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else (torch.linalg.svdvals(x),)


@implements
@widened
def eigh(x: torch.Tensor) -> Tensors:
    return tuple(torch.linalg.eigh(x, UPLO="L"))


@implements
def eig(x: Any) -> Tensors:
    return tuple(torch.linalg.eig(x))
