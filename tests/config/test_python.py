"""A config made in Python: the same as its YAML, mistakes in the project's words, functions in place of files."""

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from waze_data_tfx import (
    Code,
    Config,
    Cross,
    Data,
    Dense,
    Env,
    Evaluation,
    Features,
    Geo,
    MetricThreshold,
    Model,
    Optimizer,
    Rule,
    SchemaSource,
    Slice,
    Split,
    Training,
    auc_metric,
    change,
    create_metric_spec,
    mae_metric,
    mse_metric,
    to_yaml,
)
from waze_data_tfx.config import load, metrics
from waze_data_tfx.config.evaluation import INDICATORS, METRIC_DIRECTIONS
from waze_data_tfx.config.load import from_python
from waze_data_tfx.errors import ConfigError, UserError

YAML = """\
name: eta
label: seconds
data:
  input: trips.csv
  rules:
    - {name: impossible duration, drop: seconds < 60}
  split:
    by: [driver]
schema:
  file: trips.pbtxt
features:
  dense: [miles, minutes]
  bucket:
    hour: 5
    age: [18.0, 65.0]
  vocabulary:
    company: {top_k: 5, num_oov_buckets: 3}
  cross:
    when: [hour, company]
  geo:
    trip: {from: [a, b], to: [c, d]}
model:
  hidden_units: [6, 3]
  optimizer:
    learning_rate: 0.01
  params:
    text: '2024-01-31'
    nothing: null
    deep: {list: [1, 2.5, on]}
evaluation:
  metrics:
    - {name: mse, upper_bound: 25.0, absolute_change: 1.0}
    - {name: mae}
  slices:
    - [company]
    - {columns: [driver], metrics: [{name: mae, upper_bound: 9.0}]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with the one file that the config names."""
    monkeypatch.chdir(tmp_path)
    Path("trips.pbtxt").write_text("")
    return tmp_path


def eta(**changes: Any) -> Config:
    """Return YAML's config, made in Python."""
    sections: dict[str, Any] = {
        "name": "eta",
        "label": "seconds",
        "data": Data(
            input="trips.csv",
            rules=[Rule(name="impossible duration", drop="seconds < 60")],
            split=Split(by=["driver"]),
        ),
        "schema": SchemaSource(file="trips.pbtxt"),
        "features": Features(
            dense=["miles", "minutes"],
            bucket={"hour": 5, "age": [18, 65]},
            vocabulary={"company": {"top_k": 5, "num_oov_buckets": 3}},
            cross={"when": Cross(columns=["hour", "company"])},
            geo={"trip": Geo(from_=("a", "b"), to=("c", "d"))},
        ),
        "model": Model(
            hidden_units=[6, 3],
            optimizer=Optimizer(learning_rate=0.01),
            params={"text": "2024-01-31", "nothing": None, "deep": {"list": (1, 2.5, "on")}},
        ),
        "evaluation": create_metric_spec(
            [mse_metric(upper_bound=25, absolute_change=1), "mae"],
            slices=["company", Slice(columns=["driver"], metrics=[mae_metric(upper_bound=9)])],
        ),
    }
    return Config(**{**sections, **changes})


def said(make: Callable[[], Any]) -> list[str]:
    """Return the problems without their place, which is a line of this file."""
    with pytest.raises(ConfigError) as caught:
        make()
    places, problems = zip(*(p.split(": ", 1) for p in caught.value.problems), strict=True)
    assert {place.rpartition(":")[0] for place in places} == {__file__}
    return list(problems)


def test_python_and_yaml_are_the_same_config() -> None:
    Path("eta.yaml").write_text(YAML)
    assert from_python(eta()).config == load("eta.yaml").config


def test_to_yaml_says_what_was_given_in_short_forms() -> None:
    assert to_yaml(eta()) == YAML


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_config_survives_its_yaml(path: Path) -> None:
    config = load(path).config
    Path("again.yaml").write_text(to_yaml(config))
    again = load("again.yaml").config
    assert again == config
    assert again.model_dump_json(by_alias=True) == config.model_dump_json(by_alias=True)
    assert from_python(config).config == config


def test_paths_are_relative_to_the_working_directory(tmp_path: Path) -> None:
    config = from_python(eta()).config
    assert config.data.input == str(tmp_path / "trips.csv")
    assert config.root == tmp_path / "output" / "eta"
    assert config.env.metadata.sqlite == tmp_path / "output" / "eta" / "metadata.sqlite"


def test_a_value_that_was_given_wins_over_the_environment_s_and_a_default_does_not() -> None:
    Path("env").mkdir()
    Path("env/night.yaml").write_text("env: {max_parallel: 7}\ntraining: {epochs: 9}\n")
    config = from_python(eta(training=Training(batch_size=8)), env="night").config
    assert (config.training.epochs, config.training.batch_size, config.env.max_parallel) == (9, 8, 7)
    packaged = from_python(eta(env=Env(max_parallel=2, beam_args=["--own"]))).config
    assert packaged.env.beam_args == ("--own",)


@pytest.mark.parametrize(
    ("make", "problems"),
    [
        (
            lambda: Model(optimiser=Optimizer(), dropout="a"),
            [
                "Model: dropout: expected a number; received 'a'",
                f"Model: optimiser: unknown key; known: {', '.join(sorted(Model.model_fields))}; did you mean 'optimizer'?",
            ],
        ),
        (
            lambda: eta(features=Dense()),
            [f"features: expected keys and values with any of {', '.join(sorted(Features.model_fields))}; received a Dense"],
        ),
        (lambda: eta(training={"epochs": 0}), ["training.epochs: input should be greater than 0; received 0"]),
        (
            lambda: eta(evaluation=Evaluation(metrics=[mae_metric()]), features=Features(dense=["seconds"])),
            [
                "features.dense.seconds: the label cannot be a feature",
                "evaluation.metrics: no threshold, so no model could be blessed; add upper_bound, lower_bound, "
                "absolute_change or relative_change to a metric",
            ],
        ),
        (lambda: create_metric_spec([]), ["Evaluation: metrics: expected at least one entry; received none"]),
        (
            lambda: auc_metric(lower=0.7),
            [
                "MetricThreshold: lower: unknown key; known: absolute_change, lower_bound, max_gap, name, relative_change, "
                "upper_bound; did you mean 'lower_bound'?"
            ],
        ),
        (lambda: Code(features=3), ["Code: features: expected a path; received 3"]),
    ],
)
def test_a_mistake_names_the_line_of_the_call_in_the_project_s_words(make: Callable[[], Any], problems: list[str]) -> None:
    assert said(make) == problems


def test_the_line_is_that_of_the_call_and_not_of_the_config_s_own_code() -> None:
    def wrong() -> Evaluation:
        return create_metric_spec([mae_metric()], baseline="newest")

    with pytest.raises(ConfigError) as caught:
        wrong()
    line = wrong.__code__.co_firstlineno + 1
    assert caught.value.problems[0].startswith(f"{__file__}:{line}: Evaluation: baseline: input should be")


def test_a_value_that_yaml_cannot_hold_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^Config\(name='eta'\): model.params: .*object.*; expected text, numbers"):
        to_yaml(eta(model=Model(params={"odd": object()})))


def test_a_file_that_is_missing_is_named_with_its_key() -> None:
    with pytest.raises(ConfigError) as caught:
        from_python(eta(schema=SchemaSource(file="trip.pbtxt")))
    assert caught.value.problems == [
        "Config(name='eta'): schema.file: no such file; received trip.pbtxt; did you mean 'trips.pbtxt'?"
    ]


def test_change_makes_another_config_and_leaves_the_first() -> None:
    config = eta()
    other = change(config, {"training.epochs": 3, "evaluation.metrics.0.upper_bound": 20, "model": Model(dropout=0.5)})
    assert (other.training.epochs, other.evaluation.metrics[0].upper_bound) == (3, 20)
    assert (other.model.dropout, other.model.hidden_units) == (0.5, (6, 3))
    assert config == eta()
    with pytest.raises(ConfigError, match=r"^Config\(name='eta'\): training.epoch: unknown key; .* did you mean 'epochs'\?$"):
        change(config, {"training.epoch": 3})
    with pytest.raises(UserError, match=r"^evaluation.metrics.7: the list has 2 items; expected 0 to 1$"):
        change(config, {"evaluation.metrics.7.name": "mae"})


def test_another_root_takes_models_and_metadata_with_it(tmp_path: Path) -> None:
    loaded = load(REPOSITORY / "configs" / "taxi.yaml").config
    moved = from_python(change(loaded, {"root": tmp_path})).config
    assert (moved.push.directory, moved.env.metadata.sqlite) == (tmp_path / "serving", tmp_path / "metadata.sqlite")
    kept = change(change(loaded, {"push.directory": "/srv/models"}), {"root": tmp_path})
    assert kept.push.directory == Path("/srv/models")


def test_there_is_a_function_for_every_metric_with_every_threshold() -> None:
    functions = {name: f for name, f in vars(metrics).items() if name.endswith("_metric") and not name.startswith("_")}
    assert set(functions) == {f"{name}_metric" for name in (*METRIC_DIRECTIONS, *INDICATORS)}
    thresholds = set(MetricThreshold.model_fields) - {"name"}
    assert set(inspect.signature(metrics.MetricFunction.__call__).parameters) - {"self"} == thresholds
    assert set(inspect.signature(metrics.IndicatorFunction.__call__).parameters) - {"self", "at"} == thresholds
    for function_name, function in functions.items():
        name = function_name.removesuffix("_metric")
        assert function(lower_bound=0.5, max_gap=0.25) == MetricThreshold(name=name, lower_bound=0.5, max_gap=0.25)
        assert set(inspect.signature(function).parameters) - {"at"} == thresholds
    assert metrics.false_positive_rate_metric(0.25, upper_bound=0.1).name == "false_positive_rate@0.25"


def module(text: str, name: str = "of_mine") -> Any:
    Path(f"{name}.py").write_text(text)
    sys.modules.pop(name, None)
    sys.path.insert(0, str(Path.cwd()))
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


def test_a_function_stands_for_its_file(tmp_path: Path) -> None:
    mine = module("def preprocessing_fn(inputs):\n    return inputs\ndef build_model(inputs, config): ...\n")
    code = Code(features=mine.preprocessing_fn, model=mine.build_model)
    assert code == Code(features=tmp_path / "of_mine.py", model=tmp_path / "of_mine.py")


def preprocessing_fn(inputs: Any) -> Any:
    return inputs


def _of(source: str, file: str, name: str) -> Any:
    """Return a function as a notebook's cell or a running script defines it."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, file, "exec"), scope)
    return scope[name]


CELL = "in a notebook begin its cell with `%%writefile features.py`, and say Code(features='features.py')"


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (
            lambda inputs: inputs,
            "expected a function at the top level of a file, which other processes can import; "
            f"{CELL}; received function <lambda>",
        ),
        (
            _of("def preprocessing_fn(inputs): ...", "<cell of a notebook>", "preprocessing_fn"),
            f"expected a function in a file, which other processes can import; {CELL}; received function preprocessing_fn",
        ),
        (
            _of("def preprocessing_fn(inputs): ...", __file__, "preprocessing_fn"),
            "the function stands in the script that is running, which other processes would run again; move it to a file of its "
            "own, such as features.py; received function preprocessing_fn",
        ),
        (
            said,
            "expected a function named preprocessing_fn; rename it, or call it in one of that name; received function said",
        ),
        (
            functools.partial(preprocessing_fn, 1),
            "expected a function that `def preprocessing_fn` made, or the path of its file; received a partial",
        ),
    ],
)
def test_a_function_that_no_other_process_could_import_is_refused_with_the_next_step(function: Any, what: str) -> None:
    assert said(lambda: Code(features=function)) == [f"Code: features: {what}"]
