"""What an edit makes run again, and what it does not. One project; the tests go on from each other's state."""

import pytest
from conftest import Project, copy_code, write_rows


@pytest.fixture(scope="module")
def project(pushed: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_code(pushed, tmp_path_factory.mktemp("cache") / "my_eta")
    project.edit("my_eta_features.py", "import tensorflow as tf\n", "import my_eta_numbers\nimport tensorflow as tf\n")
    (project.folder / "my_eta_numbers.py").write_text("SCALE = 1.0\n")
    assert project.run("--to", "Transform").returncode == 0
    return project


def test_an_edited_model_leaves_the_data_side_cached(project: Project) -> None:
    assert project.run("--to", "Trainer").returncode == 0
    with (project.folder / "my_eta_model.py").open("a") as file:
        file.write("\n# edited\n")
    done = project.run("--to", "Trainer")
    assert done.returncode == 0, done.stderr
    states = project.states()
    assert states["Transform"] == states["ExampleGen"] == "cached"
    assert states["Trainer"] == "complete"
    assert project.last()["nodes"]["Trainer"]["reason"] == "code my_eta_model.py changed"


def test_a_helper_that_the_features_import_counts_as_their_code(project: Project) -> None:
    (project.folder / "my_eta_numbers.py").write_text("SCALE = 2.0\n")
    done = project.run("--to", "Transform")
    assert done.returncode == 0, done.stderr
    assert project.states()["Transform"] == "complete"
    assert project.last()["nodes"]["Transform"]["reason"] == "code my_eta_numbers.py changed"
    assert project.states()["ExampleGen"] == "cached"


def test_changed_rows_run_from_the_start(project: Project, small_rows: list[list[str]]) -> None:
    write_rows(project.data, small_rows[:-1])
    done = project.run("--to", "ExampleGen")
    assert done.returncode == 0, done.stderr
    assert project.states()["ExampleGen"] == "complete"
    assert "table chicago.trips changed" in project.last()["nodes"]["ExampleGen"]["reason"]


def test_restored_rows_are_found_again(project: Project, small_rows: list[list[str]]) -> None:
    write_rows(project.data, small_rows)
    assert project.run("--to", "Transform").returncode == 0
    assert project.states()["Transform"] == "cached"


def test_deleted_outputs_are_not_taken(project: Project) -> None:
    import shutil

    shutil.rmtree(project.root / "artifacts" / "ImportSchemaGen" / "schema")
    done = project.run("--to", "ImportSchemaGen")
    assert done.returncode == 0, done.stderr
    assert project.last()["nodes"]["ImportSchemaGen"]["reason"] == "its outputs are no longer on disk"


def test_force_reuses_nothing(project: Project) -> None:
    assert project.run("--to", "ImportSchemaGen", "--force").returncode == 0
    assert project.states()["ImportSchemaGen"] == "complete"
