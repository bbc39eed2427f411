"""The criteria's file, written and read back; what it refuses. No TensorFlow is needed for it."""

import json
import re
import subprocess
import sys

import pytest

from waze_data_tfx.bandits.policies.criteria import (
    EXPLOIT,
    EXPLORE,
    FILE,
    Criteria,
    Decision,
    fixed,
    read_criteria,
    write_criteria,
)
from waze_data_tfx.bandits.policies.identity import Identity, read_identity, write_identity
from waze_data_tfx.errors import UserError

IDENTITY = Identity(
    ("news", "deals", "tips"), "p7", {"name": "linucb"}, floor=0.1, seed=3, fallback="tips", criteria_columns=("plan", "age")
)
CRITERIA = Criteria(
    ("plan", "age"), {("pro", "3"): EXPLOIT, ("", ""): fixed("deals"), ("free", "1"): EXPLORE}, fixed("tips"), eval_share=0.25
)


@pytest.fixture
def folder(tmp_path):
    write_identity(tmp_path, IDENTITY)
    (tmp_path / "assets").mkdir()
    write_criteria(tmp_path, CRITERIA)
    return tmp_path


def test_criteria_and_identity_come_back_as_they_were_written(folder):
    expected = "\x01default\t2\n\x01eval_share\t250\n|\t1\nfree|1\t-1\npro|3\t-2\n"
    assert (folder / FILE).read_text() == expected
    assert read_criteria(folder) == CRITERIA
    assert read_identity(folder) == IDENTITY
    assert sorted(f.name for f in (folder / "assets").iterdir()) == ["criteria.txt"]
    assert json.loads((folder / "assets.extra" / "policy.json").read_text())["fallback"] == "tips"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Criteria(eval_share=1.5), "eval_share; received 1.5; expected 0 to 1"),
        (lambda: Criteria(eval_share=0.0005), "in steps of 0.001"),
        (lambda: Criteria(("a", "b"), {("x",): EXPLOIT}), "received 1 values; expected one value for each of a, b"),
        (lambda: Criteria((), {("x",): EXPLOIT}), "there are no columns"),
        (lambda: Criteria(("a", "b"), {("x|y", "z"): EXPLOIT}), "one of"),
        (lambda: Criteria(("a",), {("x\ty",): EXPLOIT}), "one of"),
        (lambda: Decision("explor"), "did you mean 'explore'"),
        (lambda: Decision("fixed"), "expected a name with 'fixed'"),
        (lambda: Decision("explore", "news"), "expected a name with 'fixed' and only there"),
        (lambda: Identity(("a", "a"), "p"), "a more than once"),
        (lambda: Identity(("a",), "p", floor=2.0), "floor; received 2.0"),
        (lambda: Identity(("aa", "ab"), "p", fallback="a"), "unknown action 'a'; known: aa, ab"),
    ],
)
def test_what_cannot_be_served_is_refused(make, message):
    with pytest.raises(UserError, match=re.escape(message)):
        make()


def test_criteria_must_fit_the_policy(folder):
    with pytest.raises(UserError, match="criteria columns; received plan; expected plan, age"):
        write_criteria(folder, Criteria(("plan",)))
    with pytest.raises(UserError, match="unknown action 'newz'; known: deals, news, tips; did you mean 'news'"):
        write_criteria(folder, Criteria(("plan", "age"), default=fixed("newz")))
    assert read_criteria(folder) == CRITERIA


@pytest.mark.parametrize("line", ["pro|3", "pro|3\t3", "pro|3\t-3", "pro|3\t-1\npro|3\t-1", "pro|3\tx"])
def test_a_damaged_file_is_named_with_its_line(folder, line):
    (folder / FILE).write_text(f"\x01default\t0\n\x01eval_share\t0\n{line}\n")
    with pytest.raises(UserError, match=r"criteria.txt:[34]: received"):
        read_criteria(folder)


def test_a_folder_without_a_policy_is_refused(tmp_path, folder):
    with pytest.raises(UserError, match="no such file; expected a saved policy"):
        read_criteria(tmp_path / "assets")
    (folder / FILE).write_text("\x01default\t0\n")
    with pytest.raises(UserError, match="eval_share"):
        read_criteria(folder)


def test_neither_module_imports_tensorflow():
    code = "import sys, waze_data_tfx.bandits.policies.criteria; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
