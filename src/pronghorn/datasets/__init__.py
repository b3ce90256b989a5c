"""Data sets for trying things out. MNIST comes with the package, the others are downloaded once."""

from pronghorn._lazy import attach

attach(
    __name__,
    submodules=(
        "boston_housing",
        "california_housing",
        "cifar10",
        "cifar100",
        "fashion_mnist",
        "imdb",
        "mnist",
        "reuters",
    ),
)
