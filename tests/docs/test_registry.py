"""docs/registry.md: its test of one's own runs, and its commands exist."""

import re

import pytest
from conftest import REPOSITORY, waze_tfx

from waze_data_tfx.config.registry import Registry

PAGE = (REPOSITORY / "docs/registry.md").read_text("utf-8")


def test_the_test_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "")  # is put back at the end, whatever the program sets
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(program, {})
    assert capsys.readouterr().out == "3 ['eta/3/assets.extra/generation.json', 'eta/CURRENT']\n"


def test_its_commands_and_defaults_exist() -> None:
    commands = set(re.findall(r"waze-tfx registry (\w+)", PAGE))
    assert commands == {"list", "rollback", "promote"}
    help_ = waze_tfx("registry", "--help").stdout
    assert all(command in help_ for command in commands)
    assert f"registry.keep of them stay ({Registry().keep})" in PAGE
