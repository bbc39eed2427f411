"""What the numbers of a context mean, of real transforms of two windows."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

import apache_beam as beam  # isort: skip

from waze_data_tfx import features
from waze_data_tfx.config.schema import Config
from waze_data_tfx.features.inputs import model_inputs
from waze_data_tfx.training import carry

COLUMNS = ("topic", "path", "word")


def window(topics: list[str], folder: Path) -> list[str]:
    """Return the meanings after a transform of rows with these topics, two of which are in every row's path."""
    config = Config.model_validate(
        {
            "name": "t",
            "pipeline": "bandit",
            "label": "reward",
            "key": "user",
            "data": {"input": "x.csv", "split": {"by": ["user"]}},
            "features": {"dense": ["age"], "vocabulary": {"topic": {}}, "sequence": {"path": {"of": "ids", "max_length": 2}}},
            "bandit": {"actions": ["a", "b"]},
            "evaluation": {"metrics": [{"name": "dr", "lower_bound": 0}]},
            "code": {"features": "mine.py"},
        }
    )

    def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
        return {
            "age": features.z_score(inputs["age"]),
            "topic_vocabulary": features.vocabulary(inputs["topic"], "topic"),
            "path_sequence": features.sequence_ids(inputs["path"], "path", max_length=2),
            "word": features.vocabulary(inputs["word"], "word"),
            "mine": features.vocabulary(inputs["word"], "another"),
        }

    spec = {"age": tf.io.VarLenFeature(tf.float32)} | {name: tf.io.VarLenFeature(tf.string) for name in COLUMNS}
    rows = [{"age": [float(i)], "topic": [t], "path": [f"{t}|{t}"], "word": [t]} for i, t in enumerate(topics)]
    metadata = tft.DatasetMetadata.from_feature_spec(spec)
    with beam.Pipeline(runner="FnApiRunner", argv=[]) as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp")):
        fitted = (pipeline | beam.Create(rows, reshuffle=False), metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = fitted | tft_beam.WriteTransformFn(str(folder / "out"))
    output = tft.TFTransformOutput(str(folder / "out"))
    return carry.meanings(model_inputs(output, config), output, config)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    first, second = ["news", "news", "sport"], ["sport", "sport", "news", "art"]
    return window(first, tmp_path_factory.mktemp("first")), window(second, tmp_path_factory.mktemp("second"))


def of(name: str, meanings: list[str]) -> list[str]:
    return [m.removeprefix(name) for m in meanings if m.startswith(name)]


def test_ids_of_a_vocabulary_are_its_entries(windows: tuple[list[str], list[str]]) -> None:
    first, second = windows
    others = ["other 0 of 2", "other 1 of 2"]  # unknown, missing
    assert of("topic_vocabulary=", first) == ["'news'", "'sport'", *others]
    # by frequency, then from the end of the alphabet, as TFT sorts
    assert of("topic_vocabulary=", second) == ["'sport'", "'news'", "'art'", *others]
    assert of("path_sequence=", second) == ["padding", "'sport'", "'news'", "'art'", "other 0 of 1"]
    assert of("word=", first) == ["'news'", "'sport'", *others]  # called as its vocabulary
    assert of("age", first) == [""]


def test_an_output_of_an_unknown_vocabulary_is_the_same_only_while_no_such_vocabulary_changes(
    windows: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    first, second = windows
    assert [m.partition(" of ")[0] for m in first if m.startswith("mine")] == ["mine=0", "mine=1", "mine=2", "mine=3"]
    assert not {m for m in first if m.startswith("mine")} & set(second)
    assert len(set(first)) == len(first)
    carry.write_meanings(first, tmp_path)
    assert carry.read_meanings(tmp_path) == first
