"""Where every mistake in a config is reported, and what the layers of a config add up to."""

import json
from pathlib import Path

import pytest

from waze_data_tfx.config import Config, load
from waze_data_tfx.config.training import Training
from waze_data_tfx.errors import ConfigError, UserError

GOOD = """\
name: eta
label: seconds
data:
  input: trips.csv
features:
  dense: [miles]
evaluation:
  metrics:
    - {name: mae, upper_bound: 5}
"""
TOP = ", ".join(sorted(field.alias or name for name, field in Config.model_fields.items()))
TRAINING = ", ".join(sorted(Training.model_fields))
TASKS = "'regression', 'binary_classification', 'multiclass_classification', 'multilabel_classification' or 'bandit'"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder, so that messages name files without one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str) -> Path:
    path = Path("eta.yaml")
    path.write_text(text)
    return path


def problems(text: str, **options: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(text), **options)
    return caught.value.problems


def test_the_good_config_is_good() -> None:
    assert load(write(GOOD)).config.name == "eta"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "traning: {}\n", f"eta.yaml:10: traning: unknown key; known: {TOP}; did you mean 'training'?"),
        (
            GOOD + "training:\n  epochs: 1\n  epoch: 3\n",
            f"eta.yaml:12: training.epoch: unknown key; known: {TRAINING}; did you mean 'epochs'?",
        ),
        (
            GOOD + "model:\n  optimizer:\n    learnin_rate: 1\n",
            "eta.yaml:12: model.optimizer.learnin_rate: unknown key; known: decay_rate, ema, factor, learning_rate, name, "
            "patience, schedule, warmup, weight_decay; did you mean 'learning_rate'?",
        ),
        (
            GOOD.replace("dense: [miles]", "dense:\n    miles:\n      imput: mean"),
            "eta.yaml:8: features.dense.miles.imput: unknown key; known: clip, impute, indicator, transform, winsorize; "
            "did you mean 'impute'?",
        ),
        (
            GOOD.replace("dense: [miles]", "bucket: {count: {count: 3, cuont: 4}}"),
            "eta.yaml:6: features.bucket.count.cuont: unknown key; known: boundaries, count; did you mean 'count'?",
        ),
        (
            GOOD.replace("upper_bound", "uper_bound"),
            "eta.yaml:9: evaluation.metrics.0.uper_bound: unknown key; known: absolute_change, lower_bound, max_gap, name, "
            "relative_change, upper_bound; did you mean 'upper_bound'?",
        ),
        (
            GOOD + "  slices:\n    - city\n    - columns: [city]\n      metrics:\n        - {nmae: mae, name: mae}\n",
            "eta.yaml:14: evaluation.slices.1.metrics.0.nmae: unknown key; known: absolute_change, lower_bound, max_gap, name, "
            "relative_change, upper_bound; did you mean 'name'?",
        ),
        (GOOD + "schema:\n  fil: x\n", "eta.yaml:11: schema.fil: unknown key; known: file; did you mean 'file'?"),
        (GOOD + "schema_: {}\n", f"eta.yaml:10: schema_: unknown key; known: {TOP}; did you mean 'schema'?"),
        (GOOD + "1: 3\n", f"eta.yaml:10: 1: unknown key; known: {TOP}"),
    ],
)
def test_unknown_key_at_every_depth(text: str, message: str) -> None:
    assert problems(text) == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("label: seconds\n", ""), "eta.yaml:1: label: is required and missing"),
        (
            GOOD.replace("input: trips.csv", "max_dropped: 0"),
            "eta.yaml:3: data: received neither input nor query; expected one of them",
        ),
        (GOOD.replace("name: mae, ", ""), "eta.yaml:9: evaluation.metrics.0.name: is required and missing"),
        (
            GOOD.replace("dense: [miles]", "bucket: {miles: {}}"),
            "eta.yaml:6: features.bucket.miles: expected count or boundaries; received neither",
        ),
        (GOOD + "training: {epochs: many}\n", "eta.yaml:10: training.epochs: expected a whole number; received 'many'"),
        (GOOD + "training: {epochs: 1.5}\n", "eta.yaml:10: training.epochs: expected a whole number; received 1.5"),
        (GOOD + "training: {epochs: true}\n", "eta.yaml:10: training.epochs: true and false do not fit here; received True"),
        (GOOD + "training: {epochs: 0}\n", "eta.yaml:10: training.epochs: input should be greater than 0; received 0"),
        (
            GOOD + "training:\n",
            f"eta.yaml:10: training: expected keys and values with any of {TRAINING}; received nothing",
        ),
        (
            GOOD.replace("dense: [miles]", "dense: {miles: z_score}"),
            "eta.yaml:6: features.dense.miles: expected keys and values with any of clip, impute, indicator, transform, "
            "winsorize; received 'z_score'",
        ),
        (GOOD.replace("dense: [miles]", "dense: [3]"), "eta.yaml:6: features.dense.3: expected text; received 3"),
        (GOOD.replace("input: trips.csv", "input: [a]"), "eta.yaml:4: data.input: expected text; received a list"),
        (GOOD + "model: {hidden_units: 5}\n", "eta.yaml:10: model.hidden_units: expected a list; received 5"),
        (GOOD + "model: {hidden_units: [5, x]}\n", "eta.yaml:10: model.hidden_units.1: expected a whole number; received 'x'"),
        (GOOD + "model: {label_scale: .inf}\n", "eta.yaml:10: model.label_scale: input should be a finite number; received inf"),
        (
            GOOD + "task: regresion\n",
            f"eta.yaml:10: task: input should be {TASKS}; received 'regresion'; did you mean 'regression'?",
        ),
        (
            GOOD.replace("dense: [miles]", "custom: {miles: flaot}"),
            "eta.yaml:6: features.custom.miles: input should be 'float', 'int' or 'string'; received 'flaot'; "
            "did you mean 'float'?",
        ),
        (
            GOOD.replace("name: eta", "name: Eta"),
            "eta.yaml:1: name: string should match pattern '^[a-z][a-z0-9_-]*$'; received 'Eta'",
        ),
        (
            GOOD.split("    - ")[0].rstrip() + " []\n",
            "eta.yaml:8: evaluation.metrics: expected at least one entry; received none",
        ),
        (
            GOOD.replace("trips.csv", "trips.csv\n  split: {buckets: {train: 1}}"),
            "eta.yaml:5: data.split.buckets: split 'eval' is missing; both train and eval are needed; received keys and values",
        ),
        (
            GOOD + "label: other\n",
            'eta.yaml:10: not valid YAML: found duplicate key "label" with value "other" (original value: "seconds")',
        ),
        (
            GOOD.replace("trips.csv", '"trips.csv'),
            "eta.yaml:4: not valid YAML: while scanning a quoted scalar: found unexpected end of stream",
        ),
        (GOOD + "code: [1,\n", "eta.yaml:11: not valid YAML: expected the node content, but found '<stream end>'"),
        (GOOD + "code: \t3\n\tb: 4\n", "eta.yaml:10: not valid YAML: found character '\\t' that cannot start any token"),
        (GOOD + "---\nname: b\n", "eta.yaml:10: not valid YAML: but found another document"),
        (GOOD + "task: !secret x\n", "eta.yaml:10: task: tag !secret is not allowed"),
        (GOOD + "training: !secret {epochs: 1}\n", "eta.yaml:10: training: tag !secret is not allowed"),
        (GOOD + "model: {hidden_units: !secret [1]}\n", "eta.yaml:10: model.hidden_units: tag !secret is not allowed"),
        (GOOD + "model: {params: {from: 2024-01-31}}\n", "eta.yaml:10: model.params.from: is read as a date; put it in quotes"),
        ("- a\n", "eta.yaml:1: expected keys and values; received a list"),
        ("hello\n", "eta.yaml:1: expected keys and values; received 'hello'"),
    ],
)
def test_every_other_mistake_has_its_line(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_an_empty_file_lacks_all_that_is_required() -> None:
    assert problems("") == [f"eta.yaml:1: {key}: is required and missing" for key in ("name", "label", "data", "evaluation")]


def test_a_file_that_is_not_utf_8_names_the_line() -> None:
    Path("eta.yaml").write_bytes(GOOD.encode() + b"key: caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        load("eta.yaml")
    assert caught.value.problems == ["eta.yaml:10: not UTF-8: invalid continuation byte; save the file as UTF-8"]


def test_several_mistakes_come_at_once_in_the_order_of_their_lines() -> None:
    text = GOOD.replace("label: seconds\n", "lable: seconds\n").replace("dense:", "dens:") + "training: {epochs: x}\n"
    assert [p.split(": ")[0:2] for p in problems(text)] == [
        ["eta.yaml:1", "label"],
        ["eta.yaml:2", "lable"],
        ["eta.yaml:6", "features.dens"],
        ["eta.yaml:10", "training.epochs"],
    ]


def test_a_missing_config_names_the_nearest_file() -> None:
    write(GOOD)
    with pytest.raises(ConfigError, match=r"^etta\.yaml: no such config file; did you mean 'eta\.yaml'\?$"):
        load("etta.yaml")


def test_a_folder_is_no_config_and_names_the_one_in_it() -> None:
    Path("my_eta").mkdir()
    Path("my_eta", "config.yaml").write_text(GOOD)
    with pytest.raises(ConfigError, match=r"^my_eta: is a folder; .* in it: config\.yaml; did you mean 'my_eta/config\.yaml'\?$"):
        load("my_eta")


def test_files_that_are_named_and_missing() -> None:
    Path("eta_model.py").write_text("")
    text = GOOD + "code:\n  model: eta_modle.py\nschema: {file: no.pbtxt}\n"
    assert problems(text) == [
        "eta.yaml:11: code.model: no such file; received eta_modle.py; did you mean 'eta_model.py'?",
        "eta.yaml:12: schema.file: no such file; received no.pbtxt",
    ]


@pytest.mark.parametrize("package", ["package://not_there/x.csv", "package://not.there/x.csv", "package:///x.csv"])
def test_a_package_that_is_not_installed(package: str) -> None:
    assert problems(GOOD.replace("trips.csv", package)) == [
        f"eta.yaml:4: data.input: package not installed; received '{package}'"
    ]


def test_a_file_in_a_package_becomes_its_path() -> None:
    import tfx_bsl

    config = load(write(GOOD.replace("trips.csv", "package://tfx_bsl/version.py"))).config
    assert config.data.input == str(Path(tfx_bsl.__path__[0]) / "version.py")


def test_paths_are_anchored_at_the_config_not_at_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "team" / "code").mkdir(parents=True)
    (tmp_path / "team" / "code" / "f.py").write_text("")
    text = GOOD.replace("trips.csv", "../data/*.csv") + "code: {features: code/f.py}\npush: {directory: /srv/models}\n"
    (tmp_path / "team" / "eta.yaml").write_text(text)
    monkeypatch.chdir(tmp_path / "team" / "code")
    config = load("../eta.yaml").config
    team = tmp_path / "team"
    assert config.data.input == str(tmp_path / "data" / "*.csv")
    assert config.code.features == team / "code" / "f.py"
    assert config.push.directory == Path("/srv/models")
    assert config.root == team / "output" / "eta"
    assert config.env.metadata.sqlite == team / "output" / "eta" / "metadata.sqlite"


def test_defaults_that_follow_from_the_root(tmp_path: Path) -> None:
    config = load(write(GOOD + "root: elsewhere\n")).config
    assert config.root == tmp_path / "elsewhere"
    assert config.push.directory == tmp_path / "elsewhere" / "serving"


def test_the_packaged_local_overlay_applies() -> None:
    assert load(write(GOOD)).config.env.beam_args == ("--runner=FnApiRunner", "--sdk_container_image=in-process")


def test_an_overlay_beside_the_config_wins_over_the_packaged_one_and_over_the_config() -> None:
    Path("env").mkdir()
    Path("env/local.yaml").write_text("env: {max_parallel: 7}\ntraining: {epochs: 9}\n")
    config = load(write(GOOD + "env: {max_parallel: 3}\ntraining: {epochs: 1, batch_size: 8}\n")).config
    assert config.env.max_parallel == 7
    assert (config.training.epochs, config.training.batch_size) == (9, 8)


def test_an_overlay_of_ones_own_and_an_unknown_one() -> None:
    Path("env").mkdir()
    Path("env/night.yaml").write_text("env:\n  max_paralel: 1\n")
    assert problems(GOOD, env="night") == [
        "env/night.yaml:2: env.max_paralel: unknown key; known: beam_args, max_parallel, metadata, query, runner; "
        "did you mean 'max_parallel'?"
    ]
    with pytest.raises(
        UserError, match=r"^--env nigth: unknown environment; known: bigquery, local, night; did you mean 'night'\?$"
    ):
        load("eta.yaml", env="nigth")


def test_set_reaches_nested_keys_lists_and_whole_sections() -> None:
    config = load(
        write(GOOD),
        sets=[
            "training.epochs=3",
            "evaluation.metrics.0.upper_bound=9",
            "model={hidden_units: [4], dropout: 0.5}",
            "model.dropout=0.25",
            "key=",
            "data.input=a=b.csv",
        ],
    ).config
    assert config.training.epochs == 3
    assert config.evaluation.metrics[0].upper_bound == 9
    assert (config.model.hidden_units, config.model.dropout) == ((4,), 0.25)
    assert config.key is None
    assert Path(config.data.input).name == "a=b.csv"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "--set training.epochs: expected dotted.key=value, such as --set training.epochs=3"),
        ("=3", "--set =3: expected dotted.key=value, such as --set training.epochs=3"),
        ("a..b=3", "--set a..b=3: expected dotted.key=value, such as --set training.epochs=3"),
        (
            "training.epochs=[1,",
            "--set training.epochs=[1,: the value is not valid YAML: expected the node content, but found '<stream end>'",
        ),
        (
            "training.epoch=3",
            f"--set training.epoch=3: training.epoch: unknown key; known: {TRAINING}; did you mean 'epochs'?",
        ),
        ("training.epochs=x", "--set training.epochs=x: training.epochs: expected a whole number; received 'x'"),
        ("evaluation.metrics.3.name=mse", "--set evaluation.metrics.3: the list has 1 items; expected 0 to 0"),
    ],
)
def test_a_set_that_cannot_be_used_is_named(assignment: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(write(GOOD), sets=[assignment])
    assert caught.value.message == message


def test_where_names_the_line_of_a_key_or_of_its_nearest_parent() -> None:
    loaded = load(write(GOOD), sets=["training.epochs=3"])
    assert loaded.where("features", "dense", 0) == "eta.yaml:6: features.dense.0"
    assert loaded.where("data", "max_dropped") == "eta.yaml:3: data.max_dropped"
    assert loaded.where("push") == "eta.yaml:1: push"
    assert loaded.where("training", "epochs") == "--set training.epochs=3: training.epochs"


def test_a_resolved_config_survives_its_json_with_the_same_text() -> None:
    text = GOOD + "schema: {}\ncode: {}\nmodel: {params: {b: [1, 2.5, x], a: null}}\n"
    config = load(write(text)).config
    written = config.model_dump_json(by_alias=True)
    again = Config.model_validate_json(written)
    assert again == config
    assert again.model_dump_json(by_alias=True) == written
    assert "schema" in json.loads(written)
    assert "schema_" not in json.loads(written)
