"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.initializers.constant import Constant as Constant
from pronghorn.initializers.constant import Constant as _constant
from pronghorn.initializers.constant import Identity as Identity
from pronghorn.initializers.constant import Identity as _IdentityInitializer
from pronghorn.initializers.constant import Identity as _identity
from pronghorn.initializers.constant import Ones as Ones
from pronghorn.initializers.constant import Ones as _ones
from pronghorn.initializers.constant import STFT as STFT
from pronghorn.initializers.constant import STFT as _STFTInitializer
from pronghorn.initializers.constant import STFT as _stft
from pronghorn.initializers.constant import Zeros as Zeros
from pronghorn.initializers.constant import Zeros as _zeros
from pronghorn.initializers.initializer import Initializer as Initializer
from pronghorn.initializers.random import GlorotNormal as GlorotNormal
from pronghorn.initializers.random import GlorotNormal as _glorot_normal
from pronghorn.initializers.random import GlorotUniform as GlorotUniform
from pronghorn.initializers.random import GlorotUniform as _glorot_uniform
from pronghorn.initializers.random import HeNormal as HeNormal
from pronghorn.initializers.random import HeNormal as _he_normal
from pronghorn.initializers.random import HeUniform as HeUniform
from pronghorn.initializers.random import HeUniform as _he_uniform
from pronghorn.initializers.random import LecunNormal as LecunNormal
from pronghorn.initializers.random import LecunNormal as _lecun_normal
from pronghorn.initializers.random import LecunUniform as LecunUniform
from pronghorn.initializers.random import LecunUniform as _lecun_uniform
from pronghorn.initializers.random import Orthogonal as Orthogonal
from pronghorn.initializers.random import Orthogonal as _OrthogonalInitializer
from pronghorn.initializers.random import Orthogonal as _orthogonal
from pronghorn.initializers.random import RandomNormal as RandomNormal
from pronghorn.initializers.random import RandomNormal as _random_normal
from pronghorn.initializers.random import RandomUniform as RandomUniform
from pronghorn.initializers.random import RandomUniform as _random_uniform
from pronghorn.initializers.random import TruncatedNormal as TruncatedNormal
from pronghorn.initializers.random import TruncatedNormal as _truncated_normal
from pronghorn.initializers.random import VarianceScaling as VarianceScaling
from pronghorn.initializers.random import VarianceScaling as _variance_scaling
from pronghorn.initializers.registry import deserialize as deserialize
from pronghorn.initializers.registry import get as get
from pronghorn.initializers.registry import serialize as serialize

IdentityInitializer = _IdentityInitializer

OrthogonalInitializer = _OrthogonalInitializer

STFTInitializer = _STFTInitializer

constant = _constant

glorot_normal = _glorot_normal

glorot_uniform = _glorot_uniform

he_normal = _he_normal

he_uniform = _he_uniform

identity = _identity

lecun_normal = _lecun_normal

lecun_uniform = _lecun_uniform

ones = _ones

orthogonal = _orthogonal

random_normal = _random_normal

random_uniform = _random_uniform

stft = _stft

truncated_normal = _truncated_normal

variance_scaling = _variance_scaling

zeros = _zeros
