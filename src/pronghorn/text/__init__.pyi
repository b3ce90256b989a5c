"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.text.decoder import Decoder as Decoder
from pronghorn.text.generation import Stream as Stream
from pronghorn.text.generation import generate as generate
from pronghorn.text.loading import load as load
from pronghorn.text.settings import DecoderSettings as DecoderSettings
from pronghorn.text.tokenizer_files import load_tokenizer as load_tokenizer
from pronghorn.text.tokenizers import Tokenizer as Tokenizer
