"""The command line from outside: commands, exit codes, and JSON that a script can read. Whole runs are in e2e/."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, waze_tfx
from filelock import FileLock
from registry_for_test import URI, bucket, model, register

from waze_data_tfx import errors, scaffold
from waze_data_tfx.cli import main
from waze_data_tfx.history.record import Run

COMMANDS = (
    "new",
    "check",
    "plan",
    "run",
    "backfill",
    "runs",
    "show",
    "report",
    "compare",
    "predict",
    "rollback",
    "node",
    "bandit-lab",
    "doctor",
    "schema",
    "registry",
)
CONFIG = """\
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
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eta.yaml").write_text(CONFIG)
    (tmp_path / "trips.csv").write_text("miles,seconds\n1,60\n")
    return "eta.yaml"


def call(*arguments: str) -> int:
    """Run a command in this process and return its exit code."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    code = end.value.code
    assert isinstance(code, int)
    return code


def a_run(root: Path, state: str = "done", text: str | None = None) -> Run:
    run = Run("20240101-000000-aaaa", str(root), "eta", "eta.yaml", state=state, exit_code=0)  # type: ignore[arg-type]
    run.folder.mkdir(parents=True)
    run.save()
    (run.folder / "config.json").write_text(text or "{}")
    return run


def test_help_lists_every_command_with_what_it_does() -> None:
    done = waze_tfx("--help")
    assert done.returncode == 0
    listed = re.findall(r"(?m)^  ([a-z][a-z-]*) +[A-Z]", done.stdout)
    assert tuple(listed) == COMMANDS
    bare = waze_tfx()
    assert (bare.returncode, bare.stdout.strip() or bare.stderr.strip()) == (2, done.stdout.strip()), (
        "without a command: the same"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: Capture) -> None:
    assert call(command, "--help") == 0
    assert f"waze-tfx {command}" in capsys.readouterr().out


def test_new_lists_the_templates_and_makes_nothing(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("new", "eta", "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["TEMPLATE", *scaffold.templates()]
    assert not list(tmp_path.iterdir())


def test_the_readme_documents_exactly_these_commands() -> None:
    table = (REPOSITORY / "README.md").read_text().split("| command |")[1].split("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(re.findall(r"`([a-z][a-z-]*)", " ".join(cells))) == sorted(COMMANDS)


def test_the_module_and_the_script_are_the_same_command(config: str) -> None:
    script = subprocess.run(
        [str(Path(sys.executable).parent / "waze-tfx"), "check", config], capture_output=True, text=True, check=False
    )
    module = waze_tfx("check", config)
    assert (script.returncode, script.stdout) == (module.returncode, module.stdout) == (
        0, "eta.yaml: ok; next: waze-tfx plan eta.yaml\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RunFailed, 1),
        (errors.UserError, 2),
        (errors.UserCodeError, 2),
        (errors.DataError, 2),
        (errors.Stopped, 3),
        (errors.Locked, 75),
        (errors.Interrupted, 130),
    ],
)
def test_exit_code_of_every_error(error: type[errors.WazeTfxError], code: int) -> None:
    assert error.exit_code == code
    assert errors.BY_NAME[error.__name__] is error
    assert str(error("a: b", hint="c")) == "a: b\n  next: c"


def test_exit_0(config: str, capsys: Capture) -> None:
    assert call("check", config) == 0
    assert capsys.readouterr().out == "eta.yaml: ok; next: waze-tfx plan eta.yaml\n"


def test_exit_1_when_the_run_s_own_state_is_damaged(config: str, capsys: Capture) -> None:
    run = a_run(Path("output/eta").resolve())
    (run.folder / "run.json").write_text("{")
    assert call("show", "latest", "--config", config) == 1
    assert "run.json: not a readable run record" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "etta.yaml"), "error: etta.yaml: no such config file; did you mean 'eta.yaml'?"),
        (("check", "eta.yaml", "--set", "training.epoch=1"), "did you mean 'epochs'?"),
        (("check", "eta.yaml", "--env", "lokal"), "did you mean 'local'?"),
        (("check", "eta.yaml", "--set", "label=second"), "did you mean 'seconds'?"),
        (
            ("check", "eta.yaml", "--set", "features.dense.0=mile"),
            "--set features.dense.0=mile: features.dense.mile: column 'mile'",
        ),
        (
            ("new", "taxy", "--template", "taxii"),
            f"unknown template 'taxii'; known: {', '.join(scaffold.templates())}; did you mean 'taxi'?",
        ),
        (("run", "eta.yaml", "--resume", "--force"), "--resume --force: contradict each other; expected one of them"),
        (("run", "eta.yaml", "--resume"), "nothing to resume"),
        (("run", "eta.yaml", "--to", "Trainor"), "did you mean 'Trainer'?"),
        (("plan", "eta.yaml", "--from", "Trainor"), "did you mean 'Trainer'?"),
        (("plan", "eta.yaml", "--from", "Trainer", "--to", "Transform"), "--from Trainer --to Transform: nothing lies between"),
        (("show", "nothing", "--config", "eta.yaml"), "run 'nothing': no such run; known: none"),
        (("node", "Trainer", "--run", "nowhere"), "run 'nowhere': no such run"),
        (("predict", "eta.yaml", "--input", "trips.csv"), "nothing has been pushed yet"),
        (("rollback", "eta.yaml"), "nothing was ever published here"),
        (("chek",), "No such command 'chek'"),
        (("check",), "Missing argument 'CONFIG'"),
        (("predict", "eta.yaml"), "predict: expected --input; received none"),
    ],
)
def test_exit_2_for_a_person_s_mistake_with_one_message_and_no_traceback(
    config: str, capsys: Capture, arguments: tuple[str, ...], said: str
) -> None:
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err + printed.out


def test_exit_75_when_another_run_holds_the_root(config: str, capsys: Capture) -> None:
    root = Path("output/eta").resolve()
    root.mkdir(parents=True)
    with FileLock(root / "run.lock"):
        assert call("run", config) == 75
    assert "another run holds this pipeline root" in capsys.readouterr().err


def test_an_error_as_json_is_one_object_and_still_on_stderr(config: str, capsys: Capture) -> None:
    assert call("rollback", config) == 2
    capsys.readouterr()
    assert call("show", "nothing", "--config", config, "--json") == 2
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert error == {
        "type": "UserError",
        "message": "run 'nothing': no such run; known: none",
        "hint": "list them with `waze-tfx runs CONFIG`",
    }
    assert printed.err.startswith("error: run 'nothing'")


def test_check_as_json(config: str, capsys: Capture) -> None:
    assert call("check", config, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "config": str(Path(config).resolve()), "name": "eta"}


def test_plan_as_json_and_as_text(config: str, capsys: Capture, tmp_path: Path) -> None:
    assert call("plan", config, "--json", "--to", "StatisticsGen") == 0
    planned = json.loads(capsys.readouterr().out)
    assert [n["id"] for n in planned["nodes"]][:2] == ["ExampleGen", "StatisticsGen"]
    assert [n["decision"] for n in planned["nodes"]] == ["run"] * 2 + ["skip"] * 9
    assert planned["nodes"][1]["upstream"] == ["ExampleGen"]
    assert all(len(n["key"]) == 32 for n in planned["nodes"])
    assert planned["places"] == {
        "root": f"{tmp_path}/output/eta",
        "metadata": f"{tmp_path}/output/eta/metadata.sqlite",
        "push": f"{tmp_path}/output/eta/serving",
        "registry": f"{tmp_path}/output/eta/registry",
        "runner": "local",
    }
    assert call("plan", config) == 0
    text = capsys.readouterr().out
    assert re.search(r"(?m)^ExampleGen +run +first run *$", text)
    assert re.search(rf"(?m)^push +{tmp_path}/output/eta/serving *$", text)


def test_runs_and_show_as_json(config: str, capsys: Capture) -> None:
    assert call("runs", config) == 0
    assert capsys.readouterr().out == "no runs yet\n"
    assert call("runs", config, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    root = Path("output/eta").resolve()
    from waze_data_tfx.config import load

    run = a_run(root, text=load(config).config.model_dump_json(by_alias=True))
    (run.folder / "verdict.json").write_text('{"status": "refused"}')
    assert call("runs", config, "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["state"]) == (run.id, "done")
    assert call("show", "latest", "--config", config, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["artifacts"], shown["verdict"]) == (run.id, {}, {"status": "refused"})
    assert call("show", str(run.folder), "--json") == 0


def test_schema_is_a_json_schema_with_the_names_that_are_written(capsys: Capture) -> None:
    assert call("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["name", "label", "data", "evaluation"]
    assert "schema" in schema["properties"]
    assert "schema_" not in schema["properties"]


def test_rollback_says_what_is_current_now(config: str, capsys: Capture) -> None:
    from waze_data_tfx import versions

    directory = Path("output/eta/serving").resolve()
    for _ in range(2):
        versions.publish(directory, lambda folder: None, expected=versions.ANY)
    assert call("rollback", config) == 0
    assert capsys.readouterr().out == f"{directory}: version 1 is current; was 2\n"
    assert call("rollback", config, "--to", "7") == 2
    assert "unknown version '7'; known: 1, 2" in capsys.readouterr().err


def test_the_registry_lists_promotes_and_goes_back(config: str, capsys: Capture) -> None:
    from waze_data_tfx import registry

    directory = Path("output/eta/registry").resolve()
    assert call("registry", "list", config) == 0
    assert capsys.readouterr().out == f"{directory}: no generations yet\n"
    for text in ("a", "b"):
        model = Path("pushed") / text
        (model / "assets.extra").mkdir(parents=True)
        (model / "saved_model.pb").write_text(text)
        verdict = {"status": "blessed", "model": {}, "checks": [{"name": "mae", "slice": "", "value": 2.5}]}
        (model / "assets.extra" / "verdict.json").write_text(json.dumps(verdict))
        registry.register(model, directory, run=f"run-{text}", pipeline="eta", pushed_version="1", keep=5)
    assert call("registry", "rollback", config) == 0
    assert capsys.readouterr().out == f"{directory}: generation 1 is current; was 2\n"
    assert call("registry", "list", config) == 0
    listed = capsys.readouterr().out
    assert re.search(r"(?m)^1 +current +20\S+ +run-a +1 +blessed +mae 2.5 +[0-9a-f]{12} *$", listed)
    assert re.search(r"(?m)^2 +20\S+ +run-b ", listed)
    assert call("registry", "promote", config, "2") == 0
    assert capsys.readouterr().out == f"{directory}: generation 2 is current; was 1\n"
    assert call("registry", "list", config, "--json") == 0
    assert [(g["number"], g["is_current"]) for g in json.loads(capsys.readouterr().out)] == [(2, True), (1, False)]
    assert call("registry", "promote", config, "7") == 2
    assert "unknown generation '7'; known: 1, 2" in capsys.readouterr().err
    for wrong in ("s3://bucket/models", "gs://", "gs://Bucket/models"):
        assert call("check", config, "--set", f"registry.directory={wrong}") == 2
        assert "registry.directory: expected a path or gs://BUCKET/PATH" in capsys.readouterr().err


def test_the_registry_in_a_bucket_is_listed_and_rolled_back(
    config: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ("--set", f"registry.directory={URI}/")
    with bucket(monkeypatch) as fake:
        for text in ("a", "b"):
            register(model(tmp_path / text, text), URI, f"run-{text}")
        assert call("registry", "rollback", config, *here) == 0
        assert capsys.readouterr().out == f"{URI}: generation 1 is current; was 2\n"
        assert fake.objects("models")["eta/CURRENT"] == b"1\n"
        assert call("registry", "list", config, *here) == 0
        assert re.search(r"(?m)^1 +current +20\S+ +run-a +4 +blessed +auc 0.7 +[0-9a-f]{12} *$", capsys.readouterr().out)
        assert call("registry", "list", config, "--set", "registry.directory=gs://absent/eta") == 2
        said = capsys.readouterr().err
        assert "registry.directory: gs://absent/eta: there is no bucket 'absent'" in said


@pytest.mark.parametrize("text", [None, "x", "7"])
def test_rollback_mends_a_damaged_pointer(config: str, capsys: Capture, text: str | None) -> None:
    from waze_data_tfx import versions

    directory = Path("output/eta/serving").resolve()
    for _ in range(2):
        versions.publish(directory, lambda folder: None, expected=versions.ANY)
    (directory / "CURRENT").unlink()
    if text:
        (directory / "CURRENT").write_text(text)
    assert call("rollback", config, "--to", "1") == 0
    assert capsys.readouterr().out == f"{directory}: version 1 is current; was none\n"


def test_a_pipe_that_closes_early_is_no_traceback(config: str) -> None:
    command = f"{sys.executable} -m waze_data_tfx schema | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
