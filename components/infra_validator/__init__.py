"""The question before every push, as a TFX component: does the model load and answer in a process of its own?"""

from waze_data_tfx.components.infra_validator.component import InfraValidator

__all__ = ["InfraValidator"]
