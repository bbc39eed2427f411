"""The config's feature groups as one transform: what runs when the user writes no preprocessing_fn, or calls it in theirs.

Called by `entry` and by users. Knows which output every group has; the arithmetic is in `numeric` and `transforms`.
Imports TensorFlow at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from waze_data_tfx.config.features import Dense, DenseTransform, Features, Geo
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, did_you_mean

from . import geo, hashing, numeric, sequences, text, times, transforms

_SCALES: tuple[tuple[tuple[DenseTransform, ...], Callable[..., tf.Tensor]], ...] = (
    (("z_score", "log_z_score"), numeric.z_scores),
    (("min_max",), numeric.min_max_scaled),
    (("robust",), numeric.robust_scaled),
    (("none", "log", "log1p"), numeric.imputed),
)
_LOGARITHMS: dict[DenseTransform, Callable[[Any], tf.Tensor]] = {
    "log": transforms.log,
    "log1p": transforms.log1p,
    "log_z_score": transforms.log1p,
}
_TEXT_ENCODINGS: dict[str, Callable[..., tf.Tensor]] = {
    "bag_of_words": text.bag_of_words,
    "counts": text.word_counts,
    "tf_idf": text.tf_idf,
}


def features_transform(inputs: Mapping[str, Any], config: Config | Features) -> dict[str, tf.Tensor]:
    """Return every ready-made feature of the config, or of a section: `features_transform(inputs, Features(dense=["a"]))`.

    Outputs: `NAME` for dense (and `NAME_missing` with an indicator), `NAME_text` for text (and `NAME_length`), `NAME_cell`, or
    `NAME_distance` and `NAME_bearing`, for geo, and `NAME_GROUP` for every other group: `hour_bucket`.

    Args:
        inputs: raw columns by name.
        config: its `features` section is read; or such a section.

    Raises:
        DataError: a column of the config is not among the inputs.
    """
    features = config if isinstance(config, Features) else config.features
    read = {name: column(inputs, name) for _, name in features.columns() if name not in features.custom}
    kilometres = {f"{name}_distance": kms for name, kms in _distances(read, features).items()}
    outputs = _dense_group(read, features, kilometres)
    for name, bucket in features.bucket.items():
        outputs[f"{name}_bucket"] = transforms.bucket(read[name], bucket.count, boundaries=bucket.boundaries)
    return {**outputs, **_ids(read, features), **_vectors(read, features), **_crosses(read, features, outputs)}


def column(inputs: Mapping[str, Any], name: str) -> Any:
    """Return a raw column.

    Raises:
        DataError: no such column.
    """
    if name not in inputs:
        raise DataError(
            f"column '{name}': in the config, but not in the data's schema; known: {', '.join(sorted(inputs))}"
            f"{did_you_mean(name, inputs)}",
            hint="add it to a schema of your own; an inferred one has the columns with a value in the training split",
        )
    return inputs[name]


def _ids(inputs: Mapping[str, Any], features: Features) -> dict[str, tf.Tensor]:
    """Return what a model embeds, and the one-hot and multi-hot vectors of `category`."""
    outputs = {}
    for name, words in features.vocabulary.items():
        outputs[f"{name}_vocabulary"] = transforms.vocabulary(inputs[name], name, **words.model_dump())
    for name, hashed in features.hash.items():
        outputs[f"{name}_hash"] = hashing.hashed(inputs[name], hashed.buckets)
    for name, category in features.category.items():
        if category.encoding == "multi_hot":
            made = hashing.multi_hot(inputs[name], category.size, separator=category.separator or "|")
        else:
            made = transforms.category(inputs[name], category.size, encoding=category.encoding)
        outputs[f"{name}_category"] = made
    for name, place in features.geo.items():
        if place.at:
            position = (inputs[place.at[0]], inputs[place.at[1]])
            outputs[f"{name}_cell"] = geo.geo_cell(position, name, degrees=place.cell or 0.01, top_k=place.top_k or 1000)
    for name, sequence in features.sequence.items():
        if sequence.of == "ids":
            settings = {"num_oov_buckets": 1, **sequence.model_dump(exclude={"of"}, exclude_none=True)}
            outputs[f"{name}_sequence"] = sequences.sequence_ids(inputs[name], name, **settings)
    return outputs


def _vectors(inputs: Mapping[str, Any], features: Features) -> dict[str, tf.Tensor]:
    """Return text, times, bearings and sequences of numbers."""
    outputs = {}
    for name, words in features.text.items():
        settings = words.model_dump(exclude={"encoding", "length"})
        outputs[f"{name}_text"] = _TEXT_ENCODINGS[words.encoding](inputs[name], name, **settings)
    for name, time in features.time.items():
        if time.period is not None:
            outputs[f"{name}_time"] = times.cyclic(inputs[name], time.period)
        else:
            settings = time.model_dump(exclude={"period"}, exclude_none=True)
            outputs[f"{name}_time"] = times.time_cycles(inputs[name], **settings)
    for name, place in features.geo.items():
        if place.from_ and place.to:
            outputs[f"{name}_bearing"] = geo.bearing(*_ends(inputs, place))
    for name, sequence in features.sequence.items():
        if sequence.of == "numbers":
            settings = sequence.model_dump(include={"separator", "max_length", "keep"})
            outputs[f"{name}_sequence"] = sequences.sequence_numbers(inputs[name], **settings)
    return outputs


def _crosses(inputs: Mapping[str, Any], features: Features, buckets: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the combinations; a column under `bucket` enters as its bucket, and is missing where its value is."""
    outputs = {}
    for name, cross in features.cross.items():
        members = []
        for member in cross.columns:
            values = inputs[member]
            if member in features.bucket:
                values = tf.where(transforms.present(values), buckets[f"{member}_bucket"], transforms.MISSING_INT)
            members.append(values)
        outputs[f"{name}_cross"] = hashing.cross(members, cross.buckets)
    return outputs


def _distances(inputs: Mapping[str, Any], features: Features) -> dict[str, tf.Tensor]:
    places = {name: place for name, place in features.geo.items() if place.from_ and place.to}
    return {name: geo.haversine_km(*_ends(inputs, place)) for name, place in places.items()}


def _ends(inputs: Mapping[str, Any], place: Geo) -> tuple[geo.Position, geo.Position]:
    start, end = place.from_, place.to
    assert start
    assert end
    return (inputs[start[0]], inputs[start[1]]), (inputs[end[0]], inputs[end[1]])


def _dense_group(inputs: Mapping[str, Any], features: Features, kilometres: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the dense features, and the distances and lengths that are scaled with them: one analyzer for all of a kind."""
    columns = dict(features.dense)
    values = _dense_values(inputs, columns)
    lengths = {f"{name}_length": text.text_length(inputs[name]) for name, t in features.text.items() if t.length}
    for name, amount in {**kilometres, **lengths}.items():
        columns[name], values[name] = Dense(transform="log_z_score"), transforms.log1p(amount)
    outputs: dict[str, tf.Tensor] = {}
    for kinds, scale in _SCALES:
        names = [name for name, dense in columns.items() if dense.transform in kinds]
        if names:
            scaled = scale(tf.stack([values[name] for name in names], axis=1), [columns[name].impute for name in names])
            outputs.update(zip(names, tf.unstack(scaled, num=len(names), axis=1), strict=True))
    for name, dense in features.dense.items():
        if dense.indicator:
            outputs[f"{name}_missing"] = transforms.missing_indicator(inputs[name])
    return outputs


def _dense_values(inputs: Mapping[str, Any], columns: Mapping[str, Dense]) -> dict[str, tf.Tensor]:
    """Return the columns clipped, winsorized and logarithms taken, [n] float64 each; missing stays NaN."""
    values = {name: transforms.clip(inputs[name], *(dense.clip or ())) for name, dense in columns.items()}
    limits = {name: dense.winsorize for name, dense in columns.items() if dense.winsorize}
    if limits:
        bounded = numeric.winsorized(tf.stack([values[name] for name in limits], axis=1), list(limits.values()))
        values.update(zip(limits, tf.unstack(bounded, num=len(limits), axis=1), strict=True))
    return {name: _LOGARITHMS.get(columns[name].transform, transforms.floats)(x) for name, x in values.items()}
