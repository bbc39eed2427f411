"""The validator on TFX's artifacts: verdict and anomalies as TFX's tools read them; its distances beside TFDV's."""

import json
from pathlib import Path
from typing import Any

import pytest
from store_for_test import config_in
from tfx.components.distribution_validator import executor as tfx_executor
from tfx.types import artifact_utils, standard_artifacts

from waze_data_tfx.components.distribution_validator import executor, logic
from waze_data_tfx.config import Config
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.history.metadata import Artifact
from waze_data_tfx.monitoring.distances import distance
from waze_data_tfx.monitoring.statistics import N_QUANTILES, read

N = 1000


def frame(shift: float = 0.0, blue: int = 900) -> Any:
    """Return N rows: miles evenly from `shift` to `shift + 10` and an outlier; `blue` rows of one company; hours 0..3."""
    import pandas as pd

    miles = [shift + 10 * i / N for i in range(N - 1)] + [5000.0]
    return pd.DataFrame({"miles": miles, "company": ["Blue"] * blue + ["Flash"] * (N - blue), "hour": [i % 4 for i in range(N)]})


def statistics(folder: Path, data: Any, split: str = "train") -> standard_artifacts.ExampleStatistics:
    import tensorflow_data_validation as tfdv

    options = tfdv.StatsOptions(num_quantiles_histogram_buckets=N_QUANTILES)
    message = tfdv.generate_statistics_from_dataframe(data, stats_options=options)
    place = folder / f"Split-{split}"
    place.mkdir(parents=True)
    (place / "FeatureStats.pb").write_bytes(message.SerializeToString())
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri, artifact.split_names = str(folder), artifact_utils.encode_split_names([split])
    return artifact


def run(config: Config, folder: Path, now: Any, other: Any, kind: str) -> Any:
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(folder)
    folder.mkdir()
    inputs = {"statistics": [now], "baseline_statistics": [other] if other else []}
    executor.Executor().Do(inputs, {"anomalies": [anomalies]}, {"config": config.model_dump_json(by_alias=True), "kind": kind})
    return anomalies


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("validator")


@pytest.fixture(scope="module")
def config(folder: Path) -> Config:
    features = {"dense": ["miles"], "vocabulary": {"company": {}}, "category": {"hour": 24}}
    return config_in(folder, features=features, monitoring={"drift": {}, "skew": {"input": "s.csv"}})


@pytest.fixture(scope="module")
def now(folder: Path) -> Any:
    return statistics(folder / "now", frame(shift=5, blue=500))


@pytest.fixture(scope="module")
def before(folder: Path) -> Any:
    return statistics(folder / "before", frame())


def test_drift_is_written_as_tfx_writes_it(config: Config, folder: Path, now: Any, before: Any) -> None:
    from tensorflow_metadata.proto.v0 import anomalies_pb2 as pb

    made = run(config, folder / "drift", now, before, "drift")
    verdict = json.loads((folder / "drift" / "verdict.json").read_text())
    found = {c["slice"]: c for c in verdict["checks"]}
    assert verdict["status"] == "refused"
    assert found["company"]["value"] == pytest.approx(0.4)  # Blue: 0.9 -> 0.5
    assert found["hour"]["value"] == pytest.approx(0, abs=0.01)
    # miles: half of each lies where the other has nothing: JS = 1/2; deciles cut off the outlier's bin
    assert found["miles"]["value"] == pytest.approx(0.5, abs=0.06)
    assert {c for c in found if found[c]["passed"] is False} == {"miles", "company"}
    assert made.get_json_value_custom_property("blessed") == {"train_train": tfx_executor.NOT_BLESSED_VALUE}
    assert artifact_utils.decode_split_names(made.split_names) == ["train_train"]
    message = pb.Anomalies.FromString((folder / "drift" / "SplitPair-train_train" / "SchemaDiff.pb").read_bytes())
    assert sorted(message.anomaly_info) == ["company", "miles"]
    assert {i.path.step[0]: round(i.drift_measurements[0].value, 2) for i in message.drift_skew_info}["company"] == 0.4
    assert Artifact(1, "ExampleAnomalies", made.uri, {"split_names": made.split_names}).is_whole


def test_without_earlier_statistics_it_passes_and_says_so(config: Config, folder: Path, now: Any) -> None:
    made = run(config, folder / "first", now, None, "drift")
    verdict = json.loads((folder / "first" / "verdict.json").read_text())
    assert (verdict["status"], verdict["note"]) == ("blessed", "no earlier statistics to compare with")
    assert made.get_json_value_custom_property("blessed") == {"train_train": tfx_executor.NO_BASELINE_STATS}
    assert Artifact(1, "ExampleAnomalies", made.uri, {"split_names": made.split_names}).is_whole


def test_skew_reads_the_serving_split(config: Config, folder: Path, before: Any) -> None:
    serving = statistics(folder / "serving", frame()[["miles", "company"]], "serving")
    run(config, folder / "skew", before, serving, "skew")
    found = {c["slice"]: c for c in json.loads((folder / "skew" / "verdict.json").read_text())["checks"]}
    assert (found["miles"]["passed"], found["company"]["passed"]) == (True, True)
    assert found["hour"]["reason"] == "l_infinity 1 > 0.1: share of '(missing)': serving 100.0%, training 0.0%"
    with pytest.raises(RunFailed, match="no statistics of split 'serving'; known: train"):
        run(config, folder / "wrong", before, before, "skew")


def test_tfdv_agrees_on_text_and_goes_astray_on_an_outlier(folder: Path, now: Any, before: Any) -> None:
    """Pins why the computation is ours: TFDV 1.16.1's divergence hides a shift by half the range behind one outlier."""
    import tensorflow_data_validation as tfdv
    from tensorflow_metadata.proto.v0 import statistics_pb2

    def message(artifact: Any) -> Any:
        file = Path(artifact.uri) / "Split-train" / "FeatureStats.pb"
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())

    schema = tfdv.infer_schema(message(before))
    tfdv.get_feature(schema, "company").drift_comparator.infinity_norm.threshold = 0.01
    tfdv.get_feature(schema, "miles").drift_comparator.jensen_shannon_divergence.threshold = 0.01
    found = tfdv.validate_statistics(message(now), schema, previous_statistics=message(before))
    theirs = {info.path.step[0]: info.drift_measurements[0].value for info in found.drift_skew_info}
    ours = {n: distance(f, read(Path(now.uri))["train"][n]) for n, f in read(Path(before.uri))["train"].items()}
    assert ours["company"] is not None
    assert ours["company"].value == pytest.approx(theirs["company"], abs=1e-6)
    assert theirs["miles"] < 0.01


def test_the_log_names_every_column(config: Config, folder: Path, now: Any, before: Any, capsys: Any) -> None:
    run(config, folder / "log", now, before, "drift")
    said = capsys.readouterr().out
    assert said.startswith("refused\n")
    assert "company: l_infinity 0.4 > 0.1: share of 'Blue': earlier 90.0%, now 50.0%" in said
    assert logic.pair("skew") == "train_serving"
