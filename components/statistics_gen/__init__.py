"""StatisticsGen as a TFX component: takes the statistics that ExampleGen made, or computes them from the examples."""

from waze_data_tfx.components.statistics_gen.component import StatisticsGen

__all__ = ["StatisticsGen"]
