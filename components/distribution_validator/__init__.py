"""The drift and skew gate as a TFX component: holds statistics against earlier or serving ones."""

from waze_data_tfx.components.distribution_validator.component import DistributionValidator

__all__ = ["DistributionValidator"]
