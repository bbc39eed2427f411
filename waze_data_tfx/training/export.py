"""The served model: transform graph and Keras model in one SavedModel, with the signatures that every part relies on.

`serving_default` takes serialized tf.Examples (input `examples`, [n]); `raw` takes one typed tensor [n] per feature column
(and the key), in which NaN, "" and -2**63 mean missing. Both give `prediction` [n] (regression: the label's own unit;
binary: the probability of class 1; multi-class: the number of the class) and, for classification, `scores` [n, n_classes] and
`classes` [n]: int64, or the class's name as text where the config names the classes. Multi-label: `prediction` [n, n_classes]
int64, 1 where the score is at least 0.5, and `classes` [n] text, these classes as the label column writes them: `a|b`. Quantile
regression gives `quantiles` [n, n_quantiles] too, and predicts the median; and there is `key` [n] if the config names one. A
two-tower model has `query` and `candidate` besides: serialized tf.Examples, in which the other tower's columns may be absent ->
`embedding` [n, tower_dim] and `key`. Needs TensorFlow to load and nothing of this package. Called by
`run`. Imports TensorFlow at the top.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from tensorflow_transform.saved import saved_transform_io_v2

from waze_data_tfx.config.names import RAW
from waze_data_tfx.config.schema import Config
from waze_data_tfx.features import raw_columns
from waze_data_tfx.models.building import is_keras_3
from waze_data_tfx.models.heads import has_quantiles
from waze_data_tfx.models.two_tower import towers

from .examples import Arrange

KEY, PREDICTION, SCORES, CLASSES = "key", "prediction", "scores", "classes"
QUANTILES, EMBEDDING = "quantiles", "embedding"


def export(model: Any, arrange: Arrange, transformed: Any, config: Config, directory: str) -> None:
    """Write the SavedModel.

    Args:
        model: trained Keras model of either generation.
        arrange: from transformed features by name to what the model takes.
        transformed: tft.TFTransformOutput.
        config: task, label scale, columns and key.
        directory: where it goes.
    """
    spec = transformed.raw_feature_spec()
    columns = {name: spec[name] for name in config.features.column_types() if name in spec}
    key = {KEY: (config.key, spec[config.key])} if config.key else {}
    # TFT's own transform_features_layer is a tf_keras.Model around this loader, whose serialization doubles the time to save.
    loader = saved_transform_io_v2.SavedModelLoader(transformed.transform_savedmodel_dir)
    module = tf.Module()
    module.transform_ = loader._imported
    if is_keras_3(model):
        # Holding a Keras 3 model itself breaks TF 1's loader ("Could not find variable"); see tests/training/test_run.py.
        module.variables_ = [v.value for v in model.variables]
    else:
        module.model_ = model

    def predict(raw: Mapping[str, Any], keys: Any) -> dict[str, Any]:
        features = loader.apply_transform_model(dict(raw))
        outputs = predictions(model(arrange(features), training=False), config)
        return {KEY: keys, **outputs} if keys is not None else outputs

    def embed(tower: Any) -> Callable[..., Any]:
        def function(raw: Mapping[str, Any], keys: Any) -> dict[str, Any]:
            features = loader.apply_transform_model(dict(raw))
            vectors = tower({name: features[name] for name in tower.input}, training=False)
            return {EMBEDDING: vectors} if keys is None else {KEY: keys, EMBEDDING: vectors}

        return function

    signatures = {
        "serving_default": from_examples(predict, columns, key),
        RAW: from_columns(predict, columns, key),
    }
    if is_keras_3(model):
        signatures |= {name: from_examples(embed(tower), columns, key) for name, tower in towers(model).items()}
    tf.saved_model.save(module, directory, signatures=signatures)


def predictions(output: Any, config: Config) -> dict[str, Any]:
    """Return what is served, from the model's output [n], [n, 1], [n, n_classes] or [n, n_quantiles]."""
    if has_quantiles(config):
        values = tf.cast(output, tf.float32) * config.model.label_scale
        return {PREDICTION: values[:, config.model.quantiles.index(0.5)], QUANTILES: values}
    if config.task == "regression":
        return {PREDICTION: tf.cast(tf.reshape(output, [-1]), tf.float32) * config.model.label_scale}
    if config.task == "binary_classification":
        p_one = tf.cast(tf.reshape(output, [-1]), tf.float32)
        scores = tf.stack([1 - p_one, p_one], axis=1)
        return {PREDICTION: p_one, SCORES: scores, CLASSES: _named(tf.cast(p_one >= 0.5, tf.int64), config)}
    scores = tf.cast(output, tf.float32)
    if config.task == "multilabel_classification":
        chosen = scores >= 0.5
        return {PREDICTION: tf.cast(chosen, tf.int64), SCORES: scores, CLASSES: _joined(chosen, config)}
    classes = tf.argmax(output, axis=1, output_type=tf.int64)
    return {PREDICTION: classes, SCORES: scores, CLASSES: _named(classes, config)}


def _named(classes: Any, config: Config) -> Any:
    """Return the names of the classes [n], or the numbers where they have none."""
    return tf.gather(tf.constant(config.classes), classes) if config.classes else tf.identity(classes)


def _joined(chosen: Any, config: Config) -> Any:
    """Return the names of each row's classes as one text [n]; chosen: [n, n_classes] bool."""
    names = tf.broadcast_to(tf.constant(config.class_names), tf.shape(chosen))
    return tf.strings.reduce_join(tf.ragged.boolean_mask(names, chosen), axis=1, separator=config.label_separator)


def from_examples(predict: Callable[..., Any], columns: Mapping[str, Any], key: Mapping[str, Any]) -> Any:
    """Return the concrete function `serving_default`: serialized examples [n], parsed, into `predict(raw columns, keys)`.

    Args:
        predict: from raw columns by name, and the keys [n] or None, to outputs.
        columns: how each feature column is parsed.
        key: KEY -> (column, how it is parsed), or empty.
    """

    def serve(examples: Any) -> Any:
        parsed, keys = raw_columns.parse(examples, columns, dict(key.values()))
        return predict(parsed, next(iter(keys.values()), None))

    return raw_columns.concrete_of_examples(serve)


def from_columns(predict: Callable[..., Any], columns: Mapping[str, Any], key: Mapping[str, Any]) -> Any:
    """Return the concrete function `raw`: typed columns [n], without what means missing, into `predict`; see `from_examples`."""

    def serve(typed: Mapping[str, Any]) -> Any:
        keys = next((tf.identity(typed[name]) for name, _ in key.values()), None)
        return predict({name: raw_columns.as_parsed(typed[name], feature) for name, feature in columns.items()}, keys)

    return raw_columns.concrete(serve, raw_columns.typed_signature({**columns, **dict(key.values())}))
