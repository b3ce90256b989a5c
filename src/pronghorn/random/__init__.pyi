"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.random.distributions import beta as beta
from pronghorn.random.distributions import binomial as binomial
from pronghorn.random.distributions import gamma as gamma
from pronghorn.random.random import categorical as categorical
from pronghorn.random.random import dropout as dropout
from pronghorn.random.random import normal as normal
from pronghorn.random.random import randint as randint
from pronghorn.random.random import shuffle as shuffle
from pronghorn.random.random import truncated_normal as truncated_normal
from pronghorn.random.random import uniform as uniform
from pronghorn.random.seed_generator import SeedGenerator as SeedGenerator
