"""What ONNX has no operators for, whatever the parameters."""

from pronghorn.export.onnx.registry import REFUSED

REFUSED["random_bits"] = (
    "random numbers are not drawn in an exported model; draw them in front of it and pass them as an input"
)
for _name in ("cholesky", "triangular_solve", "lu", "qr", "svd", "eigh", "eig"):
    REFUSED[_name] = "ONNX has no matrix factorisations; compute them outside of the exported model"
