"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.models.cloning import clone_model as clone_model
from pronghorn.models.functional import Functional as Functional
from pronghorn.models.model import Model as Model
from pronghorn.models.model import model_from_json as model_from_json
from pronghorn.models.sequential import Sequential as Sequential
from pronghorn.saving import load_model as load_model
from pronghorn.saving import save_model as save_model
