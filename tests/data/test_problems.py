"""What `check` says about a config and the rows it names."""

from dataclasses import replace

import pytest

from waze_data_tfx.config.data import SchemaSource
from waze_data_tfx.config.load import load
from waze_data_tfx.data.problems import check_columns

CONFIG = """\
name: trips
label: duration_s
data:
  input: {input}
  rules:
    - {{name: too long, drop: {drop}}}
  split:
    by: [{by}]
features:
  dense: [{dense}]
evaluation:
  metrics: [{{name: mae, upper_bound: 10}}]
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "trips.csv").write_text("id,distance_km,duration_s,note\n1,2.5,600,x\n2,3,700,\n")

    def write_config(*, input="trips.csv", drop="duration_s > 1000", by="id", dense="distance_km"):
        path = tmp_path / "trips.yaml"
        path.write_text(CONFIG.format(input=input, drop=drop, by=by, dense=dense))
        return load(path)

    return write_config


def test_a_config_that_fits_has_no_problem(write):
    assert check_columns(write()) == []


def test_unknown_columns_are_named_with_file_line_and_guess(write):
    problems = check_columns(write(by="idd", dense="distance_kmh"))
    assert [p.split("trips.yaml:")[1] for p in problems] == [
        "10: features.dense.distance_kmh: column 'distance_kmh' is not in trips.csv; known: id, distance_km, duration_s, note; "
        "did you mean 'distance_km'?",
        "8: data.split.by.0: column 'idd' is not in trips.csv; known: id, distance_km, duration_s, note; did you mean 'id'?",
    ]


@pytest.mark.parametrize(
    ("drop", "expected"),
    [
        ("duration > 5", "did you mean 'duration_s'?"),
        ("duration_s > > 5", "syntax error"),
        ("distance_km - note > 1", "known columns"),
    ],
)
def test_a_rule_that_does_not_bind_is_reported_at_its_line(write, drop, expected):
    (problem,) = check_columns(write(drop=drop))
    assert "trips.yaml:6: data.rules.0.drop: rule 'too long': DuckDB refuses the condition" in problem
    assert expected in problem


def test_a_missing_input_names_its_neighbours(write):
    (problem,) = check_columns(write(input="trip.csv"))
    assert "trips.yaml:4: data.input: no file matches" in problem
    assert "did you mean 'trips.csv'?" in problem


def test_a_folder_is_refused(write, tmp_path):
    (tmp_path / "days").mkdir()
    (problem,) = check_columns(write(input="days"))
    assert "is a folder" in problem


QUERY = """\
name: trips
label: duration_s
data:
  query: trips.sql
  tables:
    city.trips: {file}
  parameters: {{longest: 1000}}
  rules:
    - {{name: too long, drop: {drop}}}
features:
  dense: [{dense}]
evaluation:
  metrics: [{{name: mae, upper_bound: 10}}]
"""


@pytest.fixture
def write_query(write, tmp_path):
    def write_config(sql="SELECT duration_s, distance_km FROM `city.trips` WHERE duration_s < @longest", **parts):
        (tmp_path / "trips.sql").write_text(sql)
        path = tmp_path / "query.yaml"
        path.write_text(QUERY.format(**{"file": "trips.csv", "drop": "duration_s > 900", "dense": "distance_km", **parts}))
        return load(path)

    return write_config


def test_a_query_that_fits_has_no_problem(write_query):
    assert check_columns(write_query()) == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"dense": "distance_kmh"},
            "query.yaml:11: features.dense.distance_kmh: column 'distance_kmh' is not in trips.sql; "
            "known: duration_s, distance_km; did you mean 'distance_km'?",
        ),
        ({"file": "trip.csv"}, "query.yaml:6: data.tables.city.trips: no file matches; received"),
        ({"file": "trips.txt"}, "query.yaml:6: data.tables.city.trips: no file matches"),
        ({"drop": "duration > 5"}, "query.yaml:9: data.rules.0.drop: rule 'too long': DuckDB refuses the condition"),
        (
            {"sql": "SELECT duration_s, distance_km FROM `city.trip`"},
            "trips.sql: table city.trip has no entry under data.tables; known: city.trips; did you mean 'city.trips'?",
        ),
        (
            {"sql": "SELECT duration_s, distance_km FROM `city.trips` WHERE duration_s < @long"},
            "trips.sql: @long has no value; known: longest; did you mean 'longest'?",
        ),
        (
            {"sql": "SELECT duration_s, distance_kn FROM `city.trips`"},
            "trips.sql:1: unknown column 'distance_kn'; known: id, distance_km, duration_s, note; did you mean",
        ),
    ],
)
def test_what_does_not_fit_a_query_is_said_with_its_place(write_query, parts, expected):
    (problem, *_) = check_columns(write_query(**parts))
    assert expected in problem


def test_a_curated_schema_without_a_column_is_told_before_the_run(write_query, tmp_path):
    feature = 'feature { name: "duration_s" type: FLOAT }\n'
    (tmp_path / "trips.pbtxt").write_text(feature)
    loaded = write_query()
    with_schema = loaded.config.model_copy(update={"schema_": SchemaSource(file=tmp_path / "trips.pbtxt")})
    (problem,) = check_columns(replace(loaded, config=with_schema))
    assert "schema.file: trips.pbtxt has no feature 'distance_km'; a run would stop (anomalies.policy); add each" in problem
    (tmp_path / "trips.pbtxt").write_text(feature + 'feature { name: "distance_km" type: FLOAT }')
    assert check_columns(replace(loaded, config=with_schema)) == []
    (tmp_path / "trips.pbtxt").write_text("feature: [")
    (problem,) = check_columns(replace(loaded, config=with_schema))
    assert "schema.file: trips.pbtxt is no schema; 1:" in problem
