"""Linear algebra: factorisations, systems of equations, norms."""

from pronghorn._lazy import attach

_MODULES = {
    ".matrices": (
        "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_power matrix_rank norm pinv qr solve "
        "solve_triangular svd"
    ),
}

_NAMES = {name: module for module, names in _MODULES.items() for name in names.split()}

attach(__name__, _NAMES)
