"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.ops.linalg.matrices import cholesky as cholesky
from pronghorn.ops.linalg.matrices import cholesky_inverse as cholesky_inverse
from pronghorn.ops.linalg.matrices import det as det
from pronghorn.ops.linalg.matrices import eig as eig
from pronghorn.ops.linalg.matrices import eigh as eigh
from pronghorn.ops.linalg.matrices import inv as inv
from pronghorn.ops.linalg.matrices import jvp as jvp
from pronghorn.ops.linalg.matrices import lstsq as lstsq
from pronghorn.ops.linalg.matrices import lu_factor as lu_factor
from pronghorn.ops.linalg.matrices import matrix_power as matrix_power
from pronghorn.ops.linalg.matrices import matrix_rank as matrix_rank
from pronghorn.ops.linalg.matrices import norm as norm
from pronghorn.ops.linalg.matrices import pinv as pinv
from pronghorn.ops.linalg.matrices import qr as qr
from pronghorn.ops.linalg.matrices import solve as solve
from pronghorn.ops.linalg.matrices import solve_triangular as solve_triangular
from pronghorn.ops.linalg.matrices import svd as svd
