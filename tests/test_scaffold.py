"""Forking a template: what is written, under which names, and when nothing is."""

from pathlib import Path

import pytest
from conftest import REPOSITORY

from waze_data_tfx import scaffold
from waze_data_tfx.config import load
from waze_data_tfx.errors import UserError


def test_every_folder_of_templates_has_its_config() -> None:
    folders = {p.name for p in (REPOSITORY / "templates").iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert set(scaffold.templates()) == folders


@pytest.mark.parametrize("template", scaffold.templates())
def test_a_fork_has_all_files_under_its_own_name_and_nothing_of_the_template_s(template: str, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "my_fork"
    written = scaffold.create(target, template)
    assert sorted(written) == sorted(p for p in target.iterdir())
    assert {"config.yaml", "my_fork_features.py", "test_my_fork.py", "README.md"} <= {p.name for p in written}
    loaded = load(target / "config.yaml")
    assert loaded.config.name == "my_fork"
    assert loaded.config.root == target / "output" / "my_fork"
    for path in written:
        assert not path.name.startswith(f"{template}_")
        if path.suffix in (".py", ".md", ".yaml"):
            text = path.read_text()
            assert f"templates/{template}" not in text.replace(f'"configs" / "{template}.yaml"', "")
            assert f"{template}_features" not in text
            assert f"{template}_model" not in text
    for path in (loaded.config.code.features, loaded.config.code.model, loaded.config.schema_.file):
        assert path is None or path.parent == target


def test_files_and_their_mentions_are_renamed_wherever_the_template_s_name_is_a_word_of_theirs(tmp_path: Path) -> None:
    written = scaffold.create(tmp_path / "banner", "ads")
    assert {p.name for p in written} >= {"make_banner_data.py", "test_banner.py", "banner_features.py", "impressions.parquet"}
    assert "made by make_banner_data.py" in (tmp_path / "banner" / "config.yaml").read_text()
    assert "`make_banner_data.py`" in (tmp_path / "banner" / "README.md").read_text()


def test_a_template_s_summary_is_the_first_line_of_its_config() -> None:
    summaries = scaffold.summaries()
    assert list(summaries) == scaffold.templates()
    assert summaries["taxi"] == "Taxi trip duration (an ETA in seconds) from the Chicago trips that ship with TFX."
    assert all(len(summary) > 20 for summary in summaries.values())


@pytest.mark.parametrize("name", ["My_eta", "my-eta", "1eta", "e ta", "eta.py"])
def test_a_name_that_cannot_be_a_module_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^new {name}: expected lower-case letters, digits and _"):
        scaffold.create(tmp_path / name, "taxi")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_template_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--template taxy: unknown template 'taxy'; known: .*taxi.*; did you mean 'taxi'\?$"):
        scaffold.create(tmp_path / "eta", "taxy")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "eta").mkdir()
    scaffold.create(tmp_path / "eta", "taxi")
    (tmp_path / "eta" / "config.yaml").write_text("mine")
    with pytest.raises(UserError, match="is not empty; nothing was written"):
        scaffold.create(tmp_path / "eta", "taxi")
    assert (tmp_path / "eta" / "config.yaml").read_text() == "mine"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "eta").write_text("mine")
    with pytest.raises(UserError, match="eta: the folder cannot be made: File exists"):
        scaffold.create(tmp_path / "eta", "taxi")
    with pytest.raises(UserError, match="the folder cannot be made: Not a directory"):
        scaffold.create(tmp_path / "eta" / "inner", "taxi")
