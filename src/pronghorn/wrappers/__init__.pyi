"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""

from pronghorn.wrappers.sklearn import SKLearnClassifier as SKLearnClassifier
from pronghorn.wrappers.sklearn import SKLearnRegressor as SKLearnRegressor
from pronghorn.wrappers.sklearn import SKLearnTransformer as SKLearnTransformer
