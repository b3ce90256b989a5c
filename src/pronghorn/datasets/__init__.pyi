"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.datasets import boston_housing as boston_housing
from pronghorn.datasets import california_housing as california_housing
from pronghorn.datasets import cifar10 as cifar10
from pronghorn.datasets import cifar100 as cifar100
from pronghorn.datasets import fashion_mnist as fashion_mnist
from pronghorn.datasets import imdb as imdb
from pronghorn.datasets import mnist as mnist
from pronghorn.datasets import reuters as reuters
