"""Bad input ends with one message that names the place and the remedy, the right exit code, and no half-pushed model.

Everything goes through the real command line. What `check` can see is refused before TFX is imported; the rest stops at the
first node that can know. Two runs at once: see test_interruption.
"""

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Project, waze_tfx

from waze_data_tfx.errors import UserError
from waze_data_tfx.runners.node import check_beam_args

CONFIG = """\
name: eta
label: seconds
data:
  input: trips.csv
features:
  dense: [miles]
  vocabulary: {company: {top_k: 2}}
  category: {hour: 24}
model: {hidden_units: [4]}
training: {epochs: 1}
evaluation:
  metrics: [{name: mae, upper_bound: 100000}]
"""
HEADER = ["miles", "hour", "company", "seconds"]
N_ROWS = 60

FEATURES = """\
import tensorflow as tf
import eta_numbers
from waze_data_tfx import features


def preprocessing_fn(inputs):
    miles = features.dense(inputs["miles"], 0.0)
    {}
"""
NUMBERS = """\
def scaled(x):
    return x / not_defined
"""
MODEL = """\
import keras


def build_model(inputs, config):
    tensors = {{name: keras.Input((), name=name) for name in inputs}}
    hidden = keras.layers.Concatenate()([keras.layers.Reshape((1,))(t) for t in tensors.values()])
    {}
"""
GOOD_FEATURES = FEATURES.format('return {"miles": miles}')
GOOD_MODEL = MODEL.format("return keras.Model(tensors, keras.layers.Dense(1)(hidden))")

Change = Callable[[Project], None]


def rows() -> list[list[str]]:
    """Return the header (line 1) and rows 2 to 61."""
    companies = ("Blue", "Red")
    return [HEADER, *([f"{1 + i % 7}.5", str(i % 24), companies[i % 2], str(300 + 10 * i)] for i in range(N_ROWS))]


def write(project: Project, table: list[list[str]], name: str = "trips.csv") -> None:
    with (project.folder / name).open("w", newline="") as file:
        csv.writer(file).writerows(table)


def make_project(folder: Path) -> Project:
    folder.mkdir(parents=True)
    project = Project(folder)
    project.config.write_text(CONFIG)
    write(project, rows())
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "eta")


def edited(old: str, new: str) -> Change:
    """Return a change of the config."""
    return lambda project: project.edit("config.yaml", old, new)


def with_value(column: str, value: str, lines: range = range(10, 11)) -> Change:
    """Return a change of the data: `value` in these lines of the file; the header is line 1."""

    def change(project: Project) -> None:
        table = rows()
        for line in lines:
            table[line - 1][HEADER.index(column)] = value
        write(project, table)

    return change


def with_bytes(old: bytes, new: bytes) -> Change:
    """Return a change of the data: the last occurrence of some bytes."""

    def change(project: Project) -> None:
        data = project.data.read_bytes()
        at = data.rindex(old)
        project.data.write_bytes(data[:at] + new + data[at + len(old) :])

    return change


def with_input(name: str, content: bytes) -> Change:
    def change(project: Project) -> None:
        (project.folder / name).write_bytes(content)
        project.edit("config.yaml", "trips.csv", name)

    return change


def all_of(*changes: Change) -> Change:
    def change(project: Project) -> None:
        for one in changes:
            one(project)

    return change


ALL_LINES = range(2, N_ROWS + 2)


def refused(done: subprocess.CompletedProcess[str], code: int, *says: str) -> None:
    """Hold a command to one message on stderr that says all this, and to its exit code."""
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stderr.rstrip().splitlines()
    assert lines[0].startswith(("error: ", "failed: ")), done.stderr
    assert len(lines) <= 2, done.stderr
    assert all(line.startswith("  next: ") for line in lines[1:]), done.stderr
    for text in says:
        assert text in done.stderr, done.stderr
    for text in ("Traceback", "while running", "function_node", "[Op:"):
        assert text not in done.stderr, done.stderr


def nothing_is_pushed(directory: Path) -> bool:
    return not directory.exists() or not [p.name for p in directory.iterdir() if p.name == "CURRENT" or p.name.isdigit()]


# What `check` sees


def _two_headers(project: Project) -> None:
    write(project, [["miles", "hour", "miles", "seconds"], *rows()[1:]])


def _broken_features(project: Project) -> None:
    (project.folder / "eta_features.py").write_text("def preprocessing_fn(inputs):\n    return {\n")
    project.edit("config.yaml", "model: {", "code: {features: eta_features.py}\nmodel: {")


CHECKED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "no such file": (
        lambda project: project.data.rename(project.folder / "trip.csv"),
        ("config.yaml:4: data.input: no file matches", "trips.csv'", "did you mean 'trip.csv'?"),
    ),
    "a glob that matches nothing": (
        edited("trips.csv", "days/*.csv"),
        ("config.yaml:4: data.input: no file matches", "days/*.csv", "no such folder"),
    ),
    "a column that is not there": (
        edited("[miles]", "[mile]"),
        ("config.yaml:6: features.dense.mile: column 'mile' is not in trips.csv", "known: miles,", "did you mean 'miles'?"),
    ),
    "a label that is not there": (
        edited("label: seconds", "label: second"),
        ("config.yaml:2: label: column 'second' is not in trips.csv", "did you mean 'seconds'?"),
    ),
    "a rule that is not SQL": (
        edited("trips.csv", "trips.csv\n  rules: [{name: far, drop: mils > 3}]"),
        ("config.yaml:5: data.rules.0.drop: rule 'far'", "did you mean 'miles'?"),
    ),
    "a file of zero bytes": (
        lambda project: project.data.write_bytes(b"") and None,
        ("config.yaml:4: data.input:", "trips.csv: no header line; expected column names in the first row"),
    ),
    "a header that names a column twice": (
        _two_headers,
        ("config.yaml:4: data.input:", "trips.csv: column 'miles' stands in the header 2 times; expected once"),
    ),
    "bytes that are not UTF-8": (
        with_bytes(b"Blue", b"Bl\xfce"),
        ("config.yaml:4: data.input:", "trips.csv:60: not UTF-8; received b'Bl\\xfce'"),
    ),
    "a file that ends in .gz and is not": (
        with_input("trips.csv.gz", b"miles,hour,company,seconds\n"),
        ("config.yaml:4: data.input:", "trips.csv.gz: cannot be read as csv", "Not a gzipped file"),
    ),
    "half a Parquet file": (
        with_input("trips.parquet", b"PAR1 and then nothing"),
        ("config.yaml:4: data.input:", "trips.parquet: not a Parquet file"),
    ),
    "user code that does not parse": (_broken_features, ("eta_features.py:2: not valid Python: '{' was never closed",)),
}


@pytest.mark.parametrize("case", CHECKED)
def test_check_and_run_refuse_it_before_anything_runs(project: Project, case: str) -> None:
    change, says = CHECKED[case]
    change(project)
    refused(waze_tfx("check", project.config, cwd=project.folder), 2, *says)
    refused(waze_tfx("run", project.config, cwd=project.folder), 2, *says)
    assert not project.root.exists()


# What ExampleGen sees


def _records(damage: Callable[[bytes], bytes]) -> Change:
    def change(project: Project) -> None:
        import tensorflow as tf

        def feature(value: str, name: str) -> tf.train.Feature:
            if name == "company":
                return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
            if name == "hour":
                return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
            return tf.train.Feature(float_list=tf.train.FloatList(value=[float(value)]))

        path = project.folder / "trips.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows()[1:]:
                values = {name: feature(value, name) for name, value in zip(HEADER, row, strict=True)}
                writer.write(tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString())
        path.write_bytes(damage(path.read_bytes()))
        project.edit("config.yaml", "trips.csv", "trips.tfrecord")

    return change


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def _late_latin(project: Project) -> None:
    """Put the bad bytes where `check`, which reads the beginning, does not look."""
    write(project, [*rows(), *rows()[1:] * 50])
    with_bytes(b"Blue", b"Bl\xfce")(project)


READ: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a header and no row": (lambda project: write(project, rows()[:1]), ("trips.csv: no rows; expected at least one", "next: ")),
    "a label without any value": (
        with_value("seconds", "", ALL_LINES),
        ("trips.csv: label 'seconds' has no value in any of the 60 rows", "next: check the column named by `label`"),
    ),
    "a label missing in some rows, and no rule": (
        with_value("seconds", "", range(5, 8)),
        ("label 'seconds' is missing in 3 of 60 kept rows", "next: ", "data.rules: {name: no seconds, drop:"),
    ),
    "a fraction in a category": (
        with_value("hour", "1.5"),
        ("trips.csv:row 10: hour: expected int; received '1.5'", "next: mend the row", "features.dense or bucket"),
    ),
    "text where numbers are expected": (
        with_value("miles", "far"),
        ("trips.csv:row 10: miles: expected float; received 'far'", "next: mend the row", "features.vocabulary"),
    ),
    "a split without rows": (
        all_of(edited("trips.csv", "trips.csv\n  split: {by: [company]}"), with_value("company", "Blue", ALL_LINES)),
        ("split 'eval' is empty; rows read 60", "next: ", "more columns to data.split.by"),
    ),
    "a feature without any value": (
        all_of(with_value("hour", "", ALL_LINES)),
        ("trips.csv: column 'hour' has no value in any of the 60 rows", "next: mend the data", "take out features.category.hour"),
    ),
    "a row with a field too few": (
        with_bytes(b"Blue,880", b"Blue"),
        ("trips.csv:60: received 3 fields; expected 4, as in the header", "next: mend the line"),
    ),
    "bytes that are not UTF-8, far down": (
        _late_latin,
        ("trips.csv:3060: not UTF-8; received b'Bl\\xfce'", "next: convert the file, for example: iconv"),
    ),
    "a damaged TFRecord": (_records(_flipped), ("trips.tfrecord: not a TFRecord", "corrupted record at", "next: write the file")),
}


@pytest.mark.parametrize("case", READ)
def test_rows_that_cannot_be_used_stop_at_example_gen(project: Project, case: str) -> None:
    change, says = READ[case]
    change(project)
    refused(project.run("--to", "ExampleGen", small=False), 2, *says)
    assert project.states()["ExampleGen"] == "failed"
    assert nothing_is_pushed(project.root / "serving")


# What the user's code does


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with code of its own whose data side has run; tests replace the code."""
    project = make_project(tmp_path_factory.mktemp("coded") / "eta")
    project.edit("config.yaml", "  category: {hour: 24}\n", "code: {features: eta_features.py, model: eta_model.py}\n")
    for name, text in (("eta_features", GOOD_FEATURES), ("eta_model", GOOD_MODEL), ("eta_numbers", NUMBERS)):
        (project.folder / f"{name}.py").write_text(text)
    done = project.run("--to", "Transform", small=False)
    assert done.returncode == 0, done.stderr
    return project


PREPROCESSING: dict[str, tuple[str, tuple[str, ...]]] = {
    "raises": ("return {'miles': miles / not_defined}", ("eta_features.py:8: preprocessing_fn raised NameError: name 'not_",)),
    "raises in a file that it imports": (
        "return {'miles': eta_numbers.scaled(miles)}",
        ("eta_numbers.py:2: preprocessing_fn raised NameError: name 'not_defined' is not defined",),
    ),
    "reads a column that it was not given": (
        "return {'miles': inputs['seconds']}",
        ("eta_features.py:8: preprocessing_fn raised KeyError: 'seconds'", "next: inputs holds company, miles"),
    ),
    "returns a list": (
        "return [miles]",
        ("eta_features.py:6: preprocessing_fn: received list; expected a dict of output name -> Tensor", "next: end it with"),
    ),
    "returns another number of rows": (
        "return {'miles': miles[:3]}",
        ("eta_features.py:6: preprocessing_fn: output 'miles': received 3 rows for a batch of", "next: keep the first dimension"),
    ),
}


@pytest.mark.parametrize("case", PREPROCESSING)
def test_a_preprocessing_fn_that_fails_is_named_with_its_line(coded: Project, case: str) -> None:
    body, says = PREPROCESSING[case]
    (coded.folder / "eta_features.py").write_text(FEATURES.format(body))
    refused(coded.run("--to", "Transform", small=False), 2, *says, "\n  next: ")
    assert coded.states()["Transform"] == "failed"


def test_text_among_the_features_is_refused_with_what_to_do(coded: Project) -> None:
    body = "return {'miles': miles, 'company': features.dense(inputs['company'], '')}"
    (coded.folder / "eta_features.py").write_text(FEATURES.format(body))
    says = (
        "eta_features.py: output 'company': received text; expected numbers or ids",
        "next: use features.vocabulary(x, 'company')",
    )
    refused(coded.run("--to", "Trainer", small=False), 2, *says)


BUILD: dict[str, tuple[str, tuple[str, ...]]] = {
    "raises": (
        "return keras.Model(tensors, keras.layers.Dense(units)(hidden))",
        ("eta_model.py:7: build_model raised NameError: name 'units' is not defined", "next: mend it"),
    ),
    "returns a list": (
        "return [hidden]",
        ("eta_model.py:4: build_model: received list; expected a keras.Model or a tf_keras.Model", "next: end it with `return"),
    ),
    "returns two numbers per row": (
        "return keras.Model(tensors, keras.layers.Dense(2)(hidden))",
        ("eta_model.py:4: build_model: the model's output has shape [n, 2]; expected [n] or [n, 1]", "next: end the model with"),
    ),
}


@pytest.mark.parametrize("case", BUILD)
def test_a_build_model_that_fails_is_named_with_its_line(coded: Project, case: str) -> None:
    body, says = BUILD[case]
    (coded.folder / "eta_features.py").write_text(GOOD_FEATURES)
    (coded.folder / "eta_model.py").write_text(MODEL.format(body))
    refused(coded.run("--to", "Trainer", small=False), 2, *says)
    assert coded.states()["Trainer"] == "failed"
    assert nothing_is_pushed(coded.root / "serving")


# A feature that never changes works: it says nothing, and the model learns from the others


@pytest.fixture(scope="module")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose run over a constant feature has pushed version 1."""
    project = make_project(tmp_path_factory.mktemp("constant") / "eta")
    with_value("miles", "2.5", ALL_LINES)(project)
    done = project.run(small=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_a_constant_feature_trains_and_is_pushed(constant: Project) -> None:
    assert constant.last()["pushed_version"] == 1
    assert (constant.root / "serving" / "CURRENT").read_text() == "1\n"


# What the machine does


def in_small_space(project: Project, folder: Path, options: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run with `folder` on a file system of its own, and leave a listing of it in listing.txt; skip where that is forbidden."""
    folder.mkdir(parents=True, exist_ok=True)
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no mount namespace (unshare -rm), so no disk can be filled")
    mount = f'mount -t tmpfs -o {options} tmpfs "$1"; folder="$1"; shift'
    script = f'{mount}; code=0; "$@" || code=$?; ls -A "$folder" >listing.txt; exit $code'
    command = [sys.executable, "-m", "waze_data_tfx", "run", project.config, *arguments]
    return subprocess.run(
        [unshare, "-rm", "sh", "-ec", script, "sh", str(folder), *map(str, command)],
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("size", ["16k", "64k", "400k"])
def test_a_full_disk_below_the_root_says_so(project: Project, size: str) -> None:
    """The runner's own files do not fit; the first node's log or ML Metadata's; the execution's end."""
    done = in_small_space(project, project.folder / "output", f"size={size}", "--to", "ExampleGen")
    refused(done, 1, "the disk is full", "next: free some space")


def test_a_limit_on_the_size_of_files_says_so(project: Project) -> None:
    limit_bytes = 500_000  # ML Metadata's file has half of that, and the training split about three times as much
    write(project, [HEADER, *([f"{i * 0.618034 % 1:.9f}", str(i % 24), f"{i:x}", str(300 + i)] for i in range(150_000))])
    done = subprocess.run(
        [sys.executable, "-m", "waze_data_tfx", "run", str(project.config), "--to", "ExampleGen"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    refused(done, 1, "ExampleGen: the disk is full while writing", "next: free some space")


def test_a_full_disk_at_the_push_leaves_no_half_version(constant: Project) -> None:
    target = constant.folder / "full"
    done = in_small_space(constant, target, "size=100k", "--set", f"push.directory={target}")
    refused(done, 1, "Pusher: the disk is full while writing", f"{target}/", "next: free some space")
    left = (constant.folder / "listing.txt").read_text().split()
    assert not [name for name in left if name == "CURRENT" or name.isdigit() or name.startswith(".writing")]
    assert (constant.root / "serving" / "CURRENT").read_text() == "1\n"


def test_a_root_that_is_read_only_is_refused_at_once(project: Project) -> None:
    done = in_small_space(project, project.folder / "output", "ro")
    refused(
        done, 2, "config.yaml:1: root:", "cannot be written: Read-only file system", "next: choose another folder with --set root"
    )


def test_a_root_below_a_file_is_refused_at_once(project: Project) -> None:
    done = project.run("--set", f"root={project.data}/below", small=False)
    refused(
        done, 2, f"--set root={project.data}/below: root:", "cannot be written: Not a directory", "next: choose another folder"
    )


def test_a_push_directory_that_cannot_be_written_is_refused_before_the_training(project: Project) -> None:
    target = project.folder / "serving"
    done = in_small_space(project, target, "ro", "--set", f"push.directory={target}")
    refused(done, 2, f"push.directory: {target} cannot be written", "next: choose another folder with --set push.directory=OTHER")


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_damaged_metadata_file_is_named_and_left_alone(constant: Project, tmp_path: Path, damage: str) -> None:
    whole = (constant.root / "metadata.sqlite").read_bytes()
    content = b"not a database" * 999 if damage == "garbage" else whole[: len(whole) // 2]
    file = tmp_path / "metadata.sqlite"
    file.write_bytes(content)
    for command in ("plan", "run"):
        done = waze_tfx(command, constant.config, "--set", f"env.metadata.sqlite={file}")
        refused(
            done, 1, f"{file}: the ML Metadata file cannot be used: ", f"next: restore it from a copy, or move it away (mv {file}"
        )
        assert "CREATE TABLE" not in done.stderr
    assert file.read_bytes() == content
    assert (constant.root / "serving" / "CURRENT").read_text() == "1\n"


def test_beam_args_that_beam_would_discard_are_refused(project: Project) -> None:
    done = project.run("--to", "ExampleGen", "--set", "env.beam_args=[--runer=DirectRunner]", small=False)
    refused(done, 2, "env.beam_args: Beam knows no such option; received --runer=DirectRunner; did you mean '--runner'?")
    assert project.states()["ExampleGen"] == "not run"


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--runner=Nonsense", r"env\.beam_args: --runner=Nonsense: .*DirectRunner"),
        ("--direct_num_workers=many", r"env\.beam_args: argument --direct_num_workers: invalid int value: 'many'"),
        ("nonsense", r"env\.beam_args: Beam knows no such option; received nonsense"),
    ],
)
def test_values_that_beam_does_not_know_are_refused(flag: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        check_beam_args([flag])


def test_a_killed_push_leaves_whole_versions_only_and_is_made_up_for(constant: Project) -> None:
    target = constant.folder / "killed"
    command = [sys.executable, "-m", "waze_data_tfx", "run", str(constant.config), "--set", f"push.directory={target}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while not list(target.glob(".writing-*/version/*")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    time.sleep(1.0)  # the zygote and its children end when they notice
    assert nothing_is_pushed(target)
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (target / "CURRENT").read_text() == "1\n"
    assert sorted(p.name for p in target.iterdir() if not p.name.startswith(".")) == ["1", "CURRENT"]
