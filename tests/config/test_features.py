"""Every group under `features`: its short forms, the types it reads, and what does not fit."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from waze_data_tfx.config import Config, load, names
from waze_data_tfx.config.features import Features
from waze_data_tfx.config.schema import Inconsistent
from waze_data_tfx.errors import ConfigError

GOOD: dict[str, Any] = {
    "name": "eta",
    "label": "seconds",
    "data": {"input": "trips.csv"},
    "features": {},
    "evaluation": {"metrics": [{"name": "mae", "upper_bound": 5}]},
}
EVERY: dict[str, Any] = {
    "dense": {"miles": {"transform": "robust", "clip": [0, None], "winsorize": [0.01, 0.99], "impute": 3.5}, "age": {}},
    "bucket": {"miles": [1, 2.5], "age": 4},
    "vocabulary": {"company": {"top_k": 5, "frequency_threshold": 2}},
    "hash": {"device": 1000},
    "category": {"hour": 24, "tags": {"size": 10, "encoding": "multi_hot", "separator": ","}},
    "text": {"comment": {"top_k": 50, "ngrams": 2, "encoding": "tf_idf", "length": True}, "title": 20, "body": None},
    "sequence": {"path": 5, "speeds": {"of": "numbers", "max_length": 3, "keep": "last"}},
    "time": {"hour": 24, "angle": {"period": 360}, "start": None, "end": {"format": "seconds", "cycles": ["day"]}},
    "cross": {"where_when": ["company", "hour", "miles"], "other": {"columns": ["zone", "hour"], "buckets": 7}},
    "geo": {"home": {"at": ["lat", "lon"], "cell": 0.1}, "trip": {"from": ["lat", "lon"], "to": ["lat2", "lon2"]}},
}
REMEDY = "read one of them under features.custom and name its output in your preprocessing_fn"


def config_of(features: dict[str, Any]) -> Config:
    return Config.model_validate({**copy.deepcopy(GOOD), "features": features})


def problems(features: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        config_of(features)
    inner = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    return inner.problems


def test_types_of_the_columns_of_every_group() -> None:
    floats = ("miles", "age", "angle", "lat", "lon", "lat2", "lon2")
    strings = ("company", "device", "tags", "comment", "title", "body", "path", "speeds", "start", "zone")
    assert config_of(EVERY).features.column_types() == {
        **dict.fromkeys(floats, "float"),
        **dict.fromkeys(strings, "string"),
        **dict.fromkeys(("hour", "end"), "int"),
    }


def test_short_forms_are_the_long_ones() -> None:
    features = config_of(EVERY).features
    assert features.bucket["miles"].boundaries == (1, 2.5)
    assert features.bucket["age"].count == 4
    assert features.hash["device"].buckets == 1000
    assert (features.text["comment"].ngrams, features.text["title"].top_k) == ((1, 2), 20)
    assert features.sequence["path"].max_length == 5
    assert features.time["hour"].period == 24
    assert features.cross["where_when"].columns == ("company", "hour", "miles")
    assert features.dense["miles"].impute == 3.5


def test_outputs_have_names_of_their_own() -> None:
    expected = (
        "miles age miles_bucket age_bucket company_vocabulary device_hash hour_category tags_category comment_text "
        "comment_length title_text body_text path_sequence speeds_sequence hour_time angle_time start_time end_time "
        "where_when_cross other_cross home_cell trip_distance trip_bearing"
    )
    assert [name for name, _ in names.outputs(config_of(EVERY).features)] == expected.split()


def test_a_config_survives_json_and_editors_accept_it() -> None:
    config = config_of(EVERY)
    assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config
    schema = jsonschema.Draft202012Validator(Config.model_json_schema(by_alias=True))
    assert list(schema.iter_errors(json.loads(json.dumps({**GOOD, "features": EVERY})))) == []


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"dense": {"a": {"clip": [3, 1]}}}, ("dense.a.clip", "the least must be below the greatest; received [3, 1]")),
        (
            {"dense": {"a": {"clip": [None, None]}}},
            ("dense.a.clip", "expected a least or a greatest value; received neither"),
        ),
        (
            {"dense": {"a": {"winsorize": [0.9, 0.1]}}},
            ("dense.a.winsorize", "the lower quantile must be below the upper; received [0.9, 0.1]"),
        ),
        ({"bucket": {"a": {}}}, ("bucket.a", "expected count or boundaries; received neither")),
        ({"bucket": {"a": {"count": 2, "boundaries": [1]}}}, ("bucket.a", "expected count or boundaries; received both")),
        ({"bucket": {"a": [1, 1]}}, ("bucket.a.boundaries", "must ascend; received [1.0, 1.0]")),
        (
            {"category": {"a": {"size": 3, "separator": ","}}},
            ("category.a.separator", "only encoding multi_hot reads it; received encoding one_hot"),
        ),
        (
            {"text": {"a": {"ngrams": [2, 1]}}},
            ("text.a.ngrams", "the longest must not be shorter than the shortest; received [2, 1]"),
        ),
        (
            {"sequence": {"a": {"of": "numbers", "top_k": 3}}},
            ("sequence.a.top_k", "only ids read it; received of: numbers"),
        ),
        ({"time": {"a": {"period": 7, "format": "iso"}}}, ("time.a.format", "does not go with period")),
        (
            {"time": {"a": 7}, "vocabulary": {"a": 3}},
            ("time.a", "is read as string by another group; a cycle of a period needs a number"),
        ),
        ({"geo": {"g": {}}}, ("geo.g", "expected at, or from and to; received none of them")),
        ({"geo": {"g": {"from": ["a", "b"]}}}, ("geo.g", "expected at, or from and to; received from")),
        (
            {"geo": {"g": {"at": ["a", "b"], "to": ["a", "b"]}}},
            ("geo.g", "expected at, or from and to; received at and to"),
        ),
        (
            {"geo": {"g": {"from": ["a", "b"], "to": ["c", "d"], "cell": 1}}},
            ("geo.g.cell", "only a position given by at reads it"),
        ),
        (
            {"cross": {"c": ["a", "b"]}, "dense": ["b"]},
            (
                "cross.c.columns.1",
                "'b' is read as float, and nearly every row would have its own combination; name it under bucket too",
            ),
        ),
        (
            {"cross": {"c": ["a", "seconds"]}},
            ("cross.c.columns.1", "the label cannot be a feature"),
        ),
        (
            {"geo": {"g": {"at": ["a", "b"]}}, "category": {"b": 3}},
            ("category.b", "is read as float by another group and as int here; keep one of them"),
        ),
        (
            {"dense": ["a_bucket"], "bucket": {"a": 2}},
            ("bucket.a", f"makes the output 'a_bucket', and so does features.dense.a_bucket; {REMEDY}"),
        ),
        (
            {"vocabulary": {"a_cell": 2}, "geo": {"a": {"at": ["b", "c"]}}},
            ("geo.a", f"makes the vocabulary file 'a_cell', and so does features.vocabulary.a_cell; {REMEDY}"),
        ),
    ],
)
def test_what_does_not_fit(features: dict[str, Any], problem: tuple[str, str]) -> None:
    key, what = problem
    assert problems(features) == [(f"features.{key}", what)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "dense: {a: {impute: medan}}",
            "features.dense.a.impute: expected a number or one of 'mean', 'median', 'most_frequent', 'zero'; received 'medan'; "
            "did you mean 'median'?",
        ),
        ("hash: {a: 1}", "features.hash.a.buckets: input should be greater than or equal to 2; received 1"),
        ("hash: {a: {}}", "features.hash.a.buckets: is required and missing"),
        ("time: {a: {cycles: []}}", "features.time.a.cycles: expected at least one entry; received none"),
        ("sequence: {a: {of: number}}", "features.sequence.a.of: input should be 'ids' or 'numbers'; received 'number'; "),
        ("geo: {g: {form: [a, b]}}", "features.geo.g.form: unknown key; known: at, cell, from, to, top_k; did you mean 'from'?"),
        ("text: {a: {ngram: 2}}", "features.text.a.ngram: unknown key; known: "),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Any, line: str, message: str) -> None:
    file = tmp_path / "eta.yaml"
    head = "name: eta\nlabel: y\ndata: {input: x.csv}\nevaluation: {metrics: [{name: mae, upper_bound: 1}]}\nfeatures:\n  "
    file.write_text(head + line + "\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    [problem] = caught.value.problems
    assert f"eta.yaml:6: {message}" in problem


def test_columns_are_named_where_they_are_written() -> None:
    features = Features.model_validate({"cross": {"c": ["a", "b"]}, "geo": {"g": {"from": ["d", "e"], "to": ["d", "f"]}}})
    assert {(".".join(map(str, keys)), column) for keys, column in features.columns()} == {
        ("cross.c.columns.0", "a"),
        ("cross.c.columns.1", "b"),
        ("geo.g.from.0", "d"),
        ("geo.g.from.1", "e"),
        ("geo.g.to.0", "d"),
        ("geo.g.to.1", "f"),
    }
