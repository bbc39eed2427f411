"""Copier in a TFX pipeline: what was pushed becomes a generation, what was not leaves nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from registry_for_test import URI, bucket, model
from store_for_test import config_in

from waze_data_tfx import registry
from waze_data_tfx.errors import RunFailed


def run(folder: Path, name: str, pushed: int, directory: Path | str | None = None) -> tuple[Any, str]:
    """Run the Copier behind an imported PushedModel; return its artifact and the pipeline run's id."""
    from tfx.dsl.components.common.importer import Importer
    from tfx.orchestration import data_types, metadata, pipeline
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.types import standard_artifacts

    from waze_data_tfx.components.copier import Copier

    config = config_in(folder, registry={"directory": directory or folder / "registry"})
    imported = Importer(
        source_uri=str(folder / "pushed"),
        artifact_type=standard_artifacts.PushedModel,
        custom_properties={"pushed": pushed, "pushed_version": "4" if pushed else ""},
    ).with_id("model")
    copier = Copier(
        pushed_model=imported.outputs["result"],
        config=config.model_dump_json(by_alias=True),
        run_id=data_types.RuntimeParameter(name="pipeline-run-id", ptype=str),
    )
    connection = metadata.sqlite_metadata_connection_config(str(folder / f"{name}.sqlite"))
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name=name,
            pipeline_root=str(folder / name),
            components=[imported, copier],
            metadata_connection_config=connection,
        )
    )
    with metadata.Metadata(connection) as handle:
        [artifact] = handle.store.get_artifacts_by_type("String")
        [context] = handle.store.get_contexts_by_type("pipeline_run")
    return artifact, context.name


def test_a_pushed_model_is_registered_once_and_one_that_was_not_pushed_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pushed = tmp_path / "pushed"
    (pushed / "assets.extra").mkdir(parents=True)
    (pushed / "saved_model.pb").write_text("a")
    (pushed / "assets.extra" / "verdict.json").write_text('{"status": "blessed", "checks": [], "model": {"id": "7"}}')
    artifact, _ = run(tmp_path, "refused", 0)
    assert artifact.custom_properties["generation"].int_value == 0
    assert "Copier: no model was pushed (it was not blessed), so nothing was copied" in capfd.readouterr().out
    assert not (tmp_path / "registry").exists()
    artifact, run_id = run(tmp_path, "first", 1)
    assert json.loads(Path(artifact.uri).read_text())["is_new"] is True
    assert artifact.custom_properties["generation"].int_value == 1
    [generation] = registry.generations(tmp_path / "registry")
    assert (generation.record["run"], generation.record["pipeline"], generation.record["pushed_version"]) == (run_id, "eta", "4")
    artifact, _ = run(tmp_path, "again", 1)
    assert json.loads(Path(artifact.uri).read_text())["is_new"] is False
    (pushed / "assets.extra" / "verdict.json").write_text('{"status": "refused", "checks": [], "model": {}}')
    (pushed / "saved_model.pb").write_text("b")
    with pytest.raises(RunFailed, match="only a blessed model is registered; received refused"):
        run(tmp_path, "wrong", 1)
    assert len(registry.generations(tmp_path / "registry")) == 1


def test_a_pushed_model_is_registered_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(tmp_path / "pushed", "a")
    with bucket(monkeypatch) as fake:
        artifact, run_id = run(tmp_path, "first", 1, URI)
        [generation] = registry.generations(URI)
        assert fake.objects("models")["eta/1/saved_model.pb"] == b"a"
    assert json.loads(Path(artifact.uri).read_text())["line"] == f"generation 1 is current in {URI}"
    assert (generation.number, generation.is_current, generation.record["run"]) == (1, True, run_id)
