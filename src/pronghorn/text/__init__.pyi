"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.text.decoder import Decoder as Decoder
from pronghorn.text.folders import load as load
from pronghorn.text.generation import Stream as Stream
from pronghorn.text.generation import generate as generate
from pronghorn.text.settings import DecoderSettings as DecoderSettings
from pronghorn.text.tokenizers import Tokenizer as Tokenizer
from pronghorn.text.tokenizers import load_tokenizer as load_tokenizer
