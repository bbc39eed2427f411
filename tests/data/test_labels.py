"""Labels as a file holds them and as an example does; every expected value is the text's own."""

import pickle
from typing import Any

import pyarrow as pa
import pytest

from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.encode import encode
from waze_data_tfx.data.labels import LabelEncoder, example_label
from waze_data_tfx.data.records import parse
from waze_data_tfx.errors import DataError

METRIC = {"regression": "mae", "multiclass_classification": "accuracy"}


def config_of(task: str, **values: Any) -> Config:
    metric = {"name": METRIC.get(task, "auc"), "lower_bound": 0}
    return Config.model_validate(
        {
            "name": "t",
            "task": task,
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": [metric]},
            **values,
        }
    )


def texts(*values: str | None) -> pa.Array:
    return pa.array(values, pa.large_string())


def test_names_become_their_numbers() -> None:
    labels = LabelEncoder(config_of("multiclass_classification", classes=["setosa", "versicolor", "virginica"]))
    found = labels.encode(texts("virginica", " setosa ", None, "virginca", "1", "2.0", "3", "virginca"))
    assert found.values.to_pylist() == [2, 0, None, None, 1, 2, None, None]  # numbers of classes are understood too
    assert (found.n_missing, found.unknown) == (1, {"virginca": 2, "3": 1})
    assert labels.count(found.values) == {"setosa": 1, "versicolor": 1, "virginica": 2}


def test_names_that_are_numbers_are_names_only() -> None:
    labels = LabelEncoder(config_of("multiclass_classification", classes=[3, 4, 5]))
    found = labels.encode(texts("3", "5.0", "0"))
    assert found.values.to_pylist() == [0, 2, None]
    assert found.unknown == {"0": 1}


def test_several_classes_become_a_number_per_class() -> None:
    labels = pickle.loads(pickle.dumps(LabelEncoder(config_of("multilabel_classification", classes=["a", "b", "c"]))))
    found = labels.encode(texts("c| a", "|", None, "b|b|", "a|x|y", "c|x"))
    assert found.values.to_pylist() == [[1, 0, 1], [0, 0, 0], None, [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert (found.n_missing, found.unknown) == (1, {"x": 2, "y": 1})
    assert labels.count(found.values) == {"a": 2, "b": 1, "c": 2}
    batch = pa.RecordBatch.from_arrays([found.values], names=["y"])
    assert [parse(e)["y"] for e in encode(batch, ["y"])][:3] == [[1, 0, 1], [0, 0, 0], []]


def test_an_empty_label_may_mean_no_class_and_the_separator_is_ones_own() -> None:
    config = config_of("multilabel_classification", n_classes=2, label_empty="no_class", label_separator="; ")
    found = LabelEncoder(config).encode(texts(None, "0; 1", "1"))
    assert found.values.to_pylist() == [[0, 0], [1, 1], [0, 1]]
    assert (found.n_missing, found.unknown) == (0, {})


def test_numbers_stay_as_they_are() -> None:
    found = LabelEncoder(config_of("binary_classification")).encode(pa.array([1, None, 7], pa.int64()))
    assert (found.values.to_pylist(), found.n_missing) == ([1, None, 7], 1)
    assert LabelEncoder(config_of("binary_classification")).count(found.values) == {"0": 0, "1": 1}
    assert LabelEncoder(config_of("regression")).count(pa.array([1.5])) == {}


def test_one_label_by_hand() -> None:
    tags = config_of("multilabel_classification", classes=["a", "b"])
    assert example_label("b", tags) == [0, 1]
    assert example_label(None, tags) == [0, 0]
    named = config_of("binary_classification", classes=["no", "yes"])
    assert example_label("yes", named) == [1]
    assert example_label(None, config_of("regression")) == [0.0]
    with pytest.raises(DataError, match="label 'y': unknown class 'yess'; known: no, yes; did you mean 'yes'"):
        example_label("yess", named)
