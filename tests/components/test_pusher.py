"""The Pusher on a hand-made SavedModel: what is published, what is refused, and what a kill or a full disk leaves."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

tf = pytest.importorskip("tensorflow")
import numpy as np  # noqa: E402
import tfx  # noqa: E402, F401
from tfx.types import standard_artifacts  # noqa: E402
from tfx.utils import json_utils  # noqa: E402

from waze_data_tfx import versions  # noqa: E402
from waze_data_tfx.components.evaluator import logic as evaluator_logic  # noqa: E402
from waze_data_tfx.components.pusher import executor, logic  # noqa: E402
from waze_data_tfx.config.schema import Config  # noqa: E402
from waze_data_tfx.errors import RunFailed  # noqa: E402


class _Plus(tf.Module):
    def __init__(self, number):
        super().__init__()
        self.number = tf.Variable(float(number))
        self.weights = tf.Variable(tf.zeros([100_000]))  # 400 KB, so that a small disk does not hold it

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples):
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        return {"prediction": x + self.number + self.weights[0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")], autograph=False)
    def raw(self, x):
        return {"prediction": x + self.number + self.weights[0]}


def _model(folder, number):
    module = _Plus(number)
    tf.saved_model.save(module, str(folder / "Format-Serving"), signatures={"serving_default": module.serve, "raw": module.raw})
    return folder


def _blessing(folder, number):
    """Write what the Evaluator leaves: x is 1 and 2, so x + number is predicted."""
    folder.mkdir(parents=True)
    examples = [
        tf.train.Example(
            features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[x]))})
        ).SerializeToString()
        for x in (1.0, 2.0)
    ]
    evaluator_logic.write_sample(folder / "sample.json", "prediction", examples, np.array([1.0 + number, 2.0 + number]))
    (folder / "verdict.json").write_text('{"status": "blessed"}\n')
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("pusher")
    for number in (10, 20, 30, 40):
        _model(place / f"model{number}", number)
        _blessing(place / f"blessing{number}", number)
    return place


def _push(place, directory, number, *, keep=5, sample=None):
    return logic.push(place / f"model{number}" / "Format-Serving", place / f"blessing{sample or number}", directory, keep=keep)


def _served(directory):
    """Return what the current version predicts for x = 1, as a server would."""
    model = tf.saved_model.load(str(directory / str(versions.current(directory))))
    serialized = tf.train.Example(
        features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0]))})
    ).SerializeToString()
    return model.signatures["serving_default"](examples=tf.constant([serialized]))["prediction"].numpy().tolist()


def _hidden(directory):
    return sorted(p.name for p in directory.iterdir() if p.name not in {"CURRENT", ".lock"} and not p.name.isdigit())


def test_push_makes_the_next_version_with_its_verdict(place, tmp_path):
    directory = tmp_path / "serving"
    assert _push(place, directory, 10).version == 1
    assert _push(place, directory, 20).version == 2
    assert _served(directory) == [21.0]
    assert json.loads((directory / "2" / "assets.extra" / "verdict.json").read_text()) == {"status": "blessed"}
    assert _hidden(directory) == []


def test_same_model_again_writes_nothing(place, tmp_path):
    directory = tmp_path / "serving"
    _push(place, directory, 10)
    before = {p: p.stat().st_mtime_ns for p in directory.rglob("*")}
    outcome = _push(place, directory, 10)
    assert (outcome.version, "is this model already" in outcome.line) == (1, True)
    assert {p: p.stat().st_mtime_ns for p in directory.rglob("*")} == before


def test_older_model_is_pushed_anew_after_another(place, tmp_path):
    directory = tmp_path / "serving"
    assert [_push(place, directory, n).version for n in (10, 20, 10)] == [1, 2, 3]


def test_prune_keeps_the_newest(place, tmp_path):
    directory = tmp_path / "serving"
    for number in (10, 20, 30, 40):
        outcome = _push(place, directory, number, keep=2)
    assert versions.versions(directory) == [3, 4]
    assert outcome.line.endswith("; deleted 2")


def test_copy_that_predicts_something_else_is_not_published(place, tmp_path):
    directory = tmp_path / "serving"
    _push(place, directory, 10)
    with pytest.raises(RunFailed, match=r"does not repeat the evaluation's predictions: received 21, 22...; expected 11, 12..."):
        _push(place, directory, 20, sample=10)
    assert versions.versions(directory) == [1]
    assert _hidden(directory) == []


def test_copy_that_differs_in_a_byte_is_not_published(place, tmp_path, monkeypatch):
    copy = shutil.copytree

    def damaged(source, target, *args, **kwargs):
        copy(source, target, *args, **kwargs)
        if (target := Path(target)).name == "version":
            (target / "variables" / "variables.index").write_bytes(b"damaged")

    monkeypatch.setattr(shutil, "copytree", damaged)
    with pytest.raises(RunFailed, match=r"the copy differs from the model in variables/variables\.index"):
        _push(place, tmp_path / "serving", 10)
    assert versions.versions(tmp_path / "serving") == []


FULL_DISK = """
import resource, sys
from pathlib import Path
import waze_data_tfx.components.evaluator
from waze_data_tfx.components.pusher import logic
assert "google.cloud.aiplatform" not in sys.modules
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    logic.push(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), keep=5)
except OSError as error:
    print("OSError", error.errno)
"""


def test_full_disk_leaves_nothing_and_no_cloud_library_is_imported(place, tmp_path):
    directory = tmp_path / "serving"
    _push(place, directory, 10)
    args = [str(place / "model20" / "Format-Serving"), str(place / "blessing20"), str(directory)]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(FULL_DISK), *args], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("OSError")
    assert versions.versions(directory) == [1]
    assert _served(directory) == [11.0]
    assert _hidden(directory) == []


KILLED = """
import sys, time
from pathlib import Path
from waze_data_tfx.components.pusher import logic

def stop(*_):
    print("here", flush=True)
    time.sleep(60)

logic._check_predictions = stop
logic.push(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), keep=5)
"""


def test_kill_keeps_the_current_version(place, tmp_path):
    directory = tmp_path / "serving"
    _push(place, directory, 10)
    args = [str(place / "model20" / "Format-Serving"), str(place / "blessing20"), str(directory)]
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), *args], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert versions.versions(directory) == [1]
    assert _served(directory) == [11.0]
    assert _push(place, directory, 20).version == 2
    assert _hidden(directory) == []


def _config(directory, **push):
    return Config.model_validate(
        {
            "name": "t",
            "label": "y",
            "data": {"input": "x.csv"},
            "features": {"dense": ["x"]},
            "evaluation": {"metrics": [{"name": "mae", "upper_bound": 1000}]},
            "push": {"directory": str(directory), **push},
        }
    )


def _do(place, tmp_path, *, blessed, current=None, infra=1, infra_current=None):
    model, blessing, pushed = standard_artifacts.Model(), standard_artifacts.ModelBlessing(), standard_artifacts.PushedModel()
    infra_blessing = standard_artifacts.InfraBlessing()
    infra_blessing.uri = str(place / "infra")
    model.uri, blessing.uri, pushed.uri = str(place / "model10"), str(place / "blessing10"), str(tmp_path / "pushed")
    blessing.set_int_custom_property("blessed", int(blessed or 0))
    blessing.set_string_custom_property("current_model", current or model.uri)
    if infra is not None:
        infra_blessing.set_int_custom_property("blessed", infra)
        infra_blessing.set_string_custom_property("current_model", infra_current or model.uri)
    Path(pushed.uri).mkdir()
    text = json_utils.dumps({"config": _config(tmp_path / "serving").model_dump_json(by_alias=True)})
    inputs = {
        "model": [model],
        **({"model_blessing": [blessing]} if blessed is not None else {}),
        **({"infra_blessing": [infra_blessing]} if infra is not None else {}),
    }
    executor.Executor().Do(inputs, {"pushed_model": [pushed]}, {"custom_config": text})
    return pushed


def test_blessed_model_is_marked_as_tfx_marks_it(place, tmp_path):
    pushed = _do(place, tmp_path, blessed=True)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == "1"
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / "1")
    copied = versions.checksums(Path(pushed.uri))
    assert copied.pop("assets.extra/verdict.json")
    assert copied == versions.checksums(place / "model10" / "Format-Serving")


def test_full_disk_at_the_artifacts_copy_leaves_the_current_version(place, tmp_path, monkeypatch):
    _push(place, tmp_path / "serving", 20)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(executor.io_utils, "copy_dir", full)
    with pytest.raises(OSError, match="No space left"):
        _do(place, tmp_path, blessed=True)
    assert versions.versions(tmp_path / "serving") == [1]
    assert _served(tmp_path / "serving") == [21.0]


def test_a_damaged_pointer_stops_the_push_with_the_rollback_remedy(place, tmp_path):
    _push(place, tmp_path / "serving", 20)
    (tmp_path / "serving" / "CURRENT").write_text("one\n")
    with pytest.raises(RunFailed, match="expected a version number; received 'one'; known: 1") as caught:
        _do(place, tmp_path, blessed=True)
    assert caught.value.hint == "waze-tfx rollback CONFIG --to 1"


def test_model_that_is_not_blessed_is_not_pushed(place, tmp_path, capsys):
    pushed = _do(place, tmp_path, blessed=False)
    assert pushed.get_int_custom_property("pushed") == 0
    assert os.listdir(pushed.uri) == []
    assert not (tmp_path / "serving").exists()
    assert f"Pusher: not pushed: the model is not blessed; see {place / 'blessing10' / 'verdict.json'}" in capsys.readouterr().out


def test_model_that_was_refused_or_never_asked_in_a_process_of_its_own_is_not_pushed(place, tmp_path, capsys):
    for folder in ("refused", "never"):
        (tmp_path / folder).mkdir()
    pushed = _do(place, tmp_path / "refused", blessed=True, infra=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert f"see {place / 'infra' / 'verdict.json'}" in capsys.readouterr().out
    with pytest.raises(RunFailed, match="received no infra_blessing"):
        _do(place, tmp_path / "never", blessed=True, infra=None)
    assert not (tmp_path / "never" / "serving").exists()


def test_model_that_was_never_measured_is_not_pushed(place, tmp_path):
    with pytest.raises(RunFailed, match="received no model_blessing; expected Evaluator's"):
        _do(place, tmp_path, blessed=None)
    assert not (tmp_path / "serving").exists()


@pytest.mark.parametrize("whose", ["current", "infra_current"])
def test_blessing_of_another_model_is_an_error(place, tmp_path, whose):
    with pytest.raises(RunFailed, match="the blessing is another model's"):
        _do(place, tmp_path, blessed=True, **{whose: "elsewhere"})
    assert not (tmp_path / "serving").exists()


def test_in_a_tfx_pipeline_the_blessed_model_is_pushed_and_becomes_the_baseline(place, tmp_path):
    from tfx.dsl.components.common.importer import Importer
    from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
    from tfx.orchestration import metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    from waze_data_tfx.components.evaluator import Evaluator
    from waze_data_tfx.components.infra_validator import InfraValidator
    from waze_data_tfx.components.pusher import Pusher

    split = tmp_path / "examples" / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data.gz"), "GZIP") as writer:
        values = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.0]))}
        values["y"] = tf.train.Feature(float_list=tf.train.FloatList(value=[12.0]))
        writer.write(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
    text = _config(tmp_path / "serving").model_dump_json(by_alias=True)
    examples = Importer(
        source_uri=str(tmp_path / "examples"),
        artifact_type=standard_artifacts.Examples,
        properties={"split_names": '["eval"]'},
        custom_properties={"payload_format": "FORMAT_TF_EXAMPLE"},
    ).with_id("examples")
    model = Importer(source_uri=str(place / "model10"), artifact_type=standard_artifacts.Model).with_id("model")
    evaluator = Evaluator(examples=examples.outputs["result"], model=model.outputs["result"], config=text)
    blessing = evaluator.outputs["blessing"]
    infra = InfraValidator(model=model.outputs["result"], examples=examples.outputs["result"], config=text)
    pusher = Pusher(
        model=model.outputs["result"],
        model_blessing=blessing,
        infra_blessing=infra.outputs["blessing"],
        custom_config={"config": text},
    )
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    args = ["--runner=FnApiRunner", "--sdk_container_image=none"]
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="t",
            pipeline_root=str(tmp_path / "root"),
            components=[examples, model, evaluator, infra, pusher],
            metadata_connection_config=connection,
            beam_pipeline_args=args,
        )
    )
    assert _served(tmp_path / "serving") == [11.0]
    verdict = json.loads((tmp_path / "serving" / "1" / "assets.extra" / "verdict.json").read_text())
    assert [c["reason"] for c in verdict["checks"]] == ["mae 1 <= 1000 (bound)"]
    with metadata.Metadata(connection) as handle:
        artifacts = {t: _artifacts(handle.store, t) for t in (standard_artifacts.Model, standard_artifacts.ModelBlessing)}
        found = LatestBlessedModelStrategy().resolve_artifacts(
            handle.store, {"model": artifacts[standard_artifacts.Model], "blessing": artifacts[standard_artifacts.ModelBlessing]}
        )
    assert [a.uri for a in found["model"]] == [str(place / "model10")]


def _artifacts(store, artifact_type):
    (of_type,) = store.get_artifact_types_by_id([store.get_artifact_type(artifact_type.TYPE_NAME).id])
    found = []
    for proto in store.get_artifacts_by_type(artifact_type.TYPE_NAME):
        artifact = artifact_type()
        artifact.set_mlmd_artifact(proto)
        artifact.set_mlmd_artifact_type(of_type)
        found.append(artifact)
    return found
