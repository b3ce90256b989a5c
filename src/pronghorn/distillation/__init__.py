"""Knowledge distillation, which Pronghorn does not have ready-made."""

from pronghorn._absent import absent_class
from pronghorn._lazy import attach

_INSTEAD = "write a model with a train_step that compares the student's outputs with the teacher's"

DistillationLoss = absent_class("DistillationLoss", _INSTEAD, __name__)
Distiller = absent_class("Distiller", _INSTEAD, __name__)
FeatureDistillation = absent_class("FeatureDistillation", _INSTEAD, __name__)
LogitsDistillation = absent_class("LogitsDistillation", _INSTEAD, __name__)

attach(__name__)
