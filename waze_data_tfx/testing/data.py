"""The config's own rows as ExampleGen reads them, and the same rows with other labels. Called by `predictors`."""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import tensorflow as tf

from waze_data_tfx.components.query_example_gen.plan import Plan, make_plan
from waze_data_tfx.config.run_date import of_day
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.encode import encode
from waze_data_tfx.data.labels import LabelEncoder
from waze_data_tfx.data.rows import RECORD, parse
from waze_data_tfx.data.rules import Rules


def examples(config: Config, n_rows: int) -> list[bytes]:
    """Return the first `n_rows` rows that the config's rules keep, as serialized tf.Examples; of a window, today's.

    Raises:
        DataError: as ExampleGen would.
    """
    with TemporaryDirectory() as staging:
        plan = make_plan(of_day(config), {}, staging=staging)
        return _first(plan, config, n_rows)


def _first(plan: Plan, config: Config, n_rows: int) -> list[bytes]:
    label = LabelEncoder(config)
    names = [name for name in plan.names if name != RECORD]
    made: list[bytes] = []
    for shard in (shard for part in plan.parts for shard in part):
        rules, row = Rules(plan.rules, known=plan.known), shard.first_row
        for raw in shard.batches(names):
            typed = parse(raw, {**plan.rule_types, **plan.types}, file=shard.file, first_row=row)
            row += raw.num_rows
            kept = typed.filter(pa.array(np.asarray(rules.dropped_by(typed)) < 0)).slice(0, n_rows - len(made))
            labels = label.encode(kept.column(config.label)).values
            labelled = kept.set_column(kept.schema.get_field_index(config.label), config.label, labels)
            made += encode(labelled, list(plan.types))
            if len(made) == n_rows:
                return made
    return made


def labels_reversed(config: Config, given: Sequence[bytes]) -> list[bytes]:
    """Return the examples with the last one's label in the first, and so on."""
    parsed = [tf.train.Example.FromString(example) for example in given]
    labels = [tf.train.Feature.FromString(one.features.feature[config.label].SerializeToString()) for one in parsed]
    for one, label in zip(parsed, reversed(labels), strict=True):
        one.features.feature[config.label].CopyFrom(label)
    return [one.SerializeToString() for one in parsed]


def labels_removed(config: Config, given: Sequence[bytes]) -> list[bytes]:
    """Return the examples without a label, as they are when the model serves."""
    made = []
    for example in given:
        one = tf.train.Example.FromString(example)
        del one.features.feature[config.label]
        made.append(one.SerializeToString())
    return made
