"""The store without TFX: what is read from it, and that a cached execution is one that TFX itself would have written."""

from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from store_for_test import Writer, config_in

from waze_data_tfx.config import Config
from waze_data_tfx.errors import RunFailed
from waze_data_tfx.history.metadata import lock_path, open_store, publish_cached, read_history, set_cache_key


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return config_in(tmp_path)


def test_reading_a_store_that_is_not_there_creates_nothing(config: Config, tmp_path: Path) -> None:
    history = read_history(config)
    assert history.executions == []
    assert history.of_node("Trainer") == []
    assert history.of_run("r1") == {}
    assert history.latest_blessing() is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_fails_with_a_remedy(config: Config) -> None:
    sqlite = config.env.metadata.sqlite
    assert sqlite is not None
    sqlite.parent.mkdir(parents=True)
    sqlite.write_bytes(b"not a database, and long enough to look like one" * 100)
    with pytest.raises(RunFailed) as caught:
        read_history(config)
    assert caught.value.message.startswith(f"{sqlite}: the ML Metadata file cannot be used: ")
    assert f"mv {sqlite} {sqlite}.broken" in caught.value.hint
    assert sqlite.read_bytes().startswith(b"not a database")


def test_what_was_written_is_read(config: Config) -> None:
    writer = Writer(config)
    first = writer.execution("r1", "ExampleGen", key="k1", parts={"data": "d"}, outputs={"examples": ("Examples", {"span": 3})})
    [examples] = writer.history().of_node("ExampleGen")[0].outputs["examples"]
    second = writer.execution("r1", "Trainer", inputs={"examples": [examples.id]}, outputs={"model": ("Model", {})})
    third = writer.execution("r2", "Trainer", state="failed")
    history = writer.history()
    assert [e.id for e in history.executions] == [third, second, first]
    assert [e.id for e in history.of_node("Trainer")] == [third, second]
    assert {n: e.id for n, e in history.of_run("r1").items()} == {"ExampleGen": first, "Trainer": second}
    made, trained, failed = (next(e for e in history.executions if e.id == i) for i in (first, second, third))
    assert (made.run, made.state, made.cache_key, made.cache_parts) == ("r1", "complete", "k1", '{"data": "d"}')
    assert (examples.type, examples.properties, examples.is_whole) == ("Examples", {"span": 3}, True)
    assert trained.inputs == {"examples": (examples.id,)}
    assert made.output_ids() == {examples.id}
    assert failed.state == "failed"


def test_another_pipeline_in_the_same_store_is_left_out(config: Config) -> None:
    Writer(config).execution("r1", "Trainer")
    assert read_history(config.model_copy(update={"name": "et"})).executions == []


def test_an_artifact_exists_as_long_as_its_files(config: Config) -> None:
    writer = Writer(config)
    writer.execution("r1", "Trainer", outputs={"model": ("Model", {})})
    [model] = writer.history().of_run("r1")["Trainer"].outputs["model"]
    (Path(model.uri) / "content").unlink()
    assert not model.is_whole


def test_the_latest_blessing_is_the_newest_that_was_given(config: Config) -> None:
    writer = Writer(config)
    for run, blessed in (("r1", 1), ("r2", 1), ("r3", 0)):
        properties: dict[str, Any] = {"blessed": blessed, "current_model_id": int(run[1])}
        writer.execution(run, "Evaluator", outputs={"blessing": ("ModelBlessing", properties)})
    blessing = writer.history().latest_blessing()
    assert blessing is not None
    assert blessing.properties["current_model_id"] == 2


def test_a_key_is_noted_on_an_execution(config: Config) -> None:
    writer = Writer(config)
    execution = writer.execution("r1", "Trainer")
    with open_store(config) as store:
        set_cache_key(store, execution, "k9", '{"a": 1}')
    found = writer.history().of_run("r1")["Trainer"]
    assert (found.cache_key, found.cache_parts, found.state) == ("k9", '{"a": 1}', "complete")


def test_the_store_is_held_while_it_is_open(config: Config) -> None:
    from filelock import FileLock, Timeout

    with open_store(config), pytest.raises(Timeout):
        FileLock(lock_path(config), timeout=0).acquire()
    FileLock(lock_path(config), timeout=0).acquire()


@pytest.fixture(scope="module")
def beside_tfx(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Let TFX run two nodes once, then cache the first in one run by TFX and in another by us, and let TFX resolve both."""
    from waze_data_tfx.runners.node import prepare_process

    prepare_process()
    import tfx.orchestration.metadata as tfx_metadata
    from tfx.components import SchemaGen, StatisticsGen
    from tfx.dsl.compiler.compiler import Compiler
    from tfx.dsl.components.common.importer import Importer
    from tfx.orchestration.pipeline import Pipeline
    from tfx.orchestration.portable import execution_publish_utils, inputs_utils, runtime_parameter_utils
    from tfx.orchestration.portable.mlmd import context_lib
    from tfx.types import standard_artifacts

    folder = tmp_path_factory.mktemp("beside")
    config = config_in(folder)
    importer = Importer(source_uri=str(folder), artifact_type=standard_artifacts.Examples)
    statistics_gen = StatisticsGen(examples=importer.outputs["result"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    pipeline = Pipeline("eta", str(folder), components=[importer, statistics_gen, schema_gen], enable_cache=False)

    def nodes(run: str) -> dict[str, Any]:
        ir = Compiler().compile(pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": run})
        return {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}

    assert config.env.metadata.sqlite is not None
    config.env.metadata.sqlite.parent.mkdir(parents=True)
    connection = tfx_metadata.sqlite_metadata_connection_config(str(config.env.metadata.sqlite))
    with tfx_metadata.Metadata(connection) as handle:
        node = nodes("first")["StatisticsGen"]
        contexts = context_lib.prepare_contexts(handle, node.contexts)
        examples, statistics = standard_artifacts.Examples(), standard_artifacts.ExampleStatistics()
        examples.uri, statistics.uri = str(folder), str(folder)
        execution = execution_publish_utils.register_execution(
            handle, node.node_info.type, contexts, {"examples": [examples]}, {"answer": 42}
        )
        made, _ = execution_publish_utils.publish_succeeded_execution(
            handle, execution.id, contexts, {"statistics": [statistics]}
        )
        node = nodes("by_tfx")["StatisticsGen"]
        contexts = context_lib.prepare_contexts(handle, node.contexts)
        by_tfx = execution_publish_utils.register_execution(
            handle, node.node_info.type, contexts, {"examples": [examples]}, {"answer": 42}
        )
        execution_publish_utils.publish_cached_executions(handle, contexts, [by_tfx], [made])
    with open_store(config) as store:
        set_cache_key(store, execution.id, "k", "{}")
        by_us = publish_cached(store, execution.id, "eta", "by_us")
    resolved = {}
    with tfx_metadata.Metadata(connection) as handle:
        for run in ("first", "by_tfx", "by_us", "never"):
            try:
                [inputs] = inputs_utils.resolve_input_artifacts(pipeline_node=nodes(run)["SchemaGen"], metadata_handle=handle)
                resolved[run] = [(a.type_name, a.id) for a in inputs["statistics"]]
            except Exception as error:  # noqa: BLE001
                resolved[run] = type(error).__name__
    return {"config": config, "first": execution.id, "by_tfx": by_tfx.id, "by_us": by_us, "resolved": resolved}


def test_tfx_resolves_the_inputs_of_the_next_node_from_our_cached_execution(beside_tfx: dict[str, Any]) -> None:
    resolved = beside_tfx["resolved"]
    assert [kind for kind, _ in resolved["first"]] == ["ExampleStatistics"]
    assert resolved["by_us"] == resolved["by_tfx"] == resolved["first"]
    assert resolved["never"] != resolved["first"]


def _described(beside_tfx: dict[str, Any], which: str) -> dict[str, Any]:
    with open_store(beside_tfx["config"]) as store:
        [execution] = store.get_executions_by_id([beside_tfx[which]])
        contexts = store.get_contexts_by_execution(execution.id)
        [run] = [c for c in contexts if c.type == "pipeline_run"]
        return {
            "type": execution.type_id,
            "state": execution.last_known_state,
            "contexts": sorted((c.type, c.name) for c in contexts if c.type != "pipeline_run"),
            "run": run.name,
            "parents": [c.name for c in store.get_parent_contexts_by_context(run.id)],
            "events": sorted(
                (e.type, e.artifact_id, *(s.key or s.index for s in e.path.steps))
                for e in store.get_events_by_execution_ids([execution.id])
            ),
            "answer": execution.custom_properties["answer"].int_value,
        }


def test_our_cached_execution_has_the_contexts_events_and_state_of_tfxs(beside_tfx: dict[str, Any]) -> None:
    ours, theirs = _described(beside_tfx, "by_us"), _described(beside_tfx, "by_tfx")
    assert (ours.pop("run"), theirs.pop("run")) == ("by_us", "by_tfx")
    assert ours == theirs
    assert ours["state"] == pb.Execution.CACHED
    assert ours["contexts"] == [("node", "eta.StatisticsGen"), ("pipeline", "eta")]
    assert [e[2:] for e in ours["events"]] == [("examples", 0), ("statistics", 0)]


def test_our_cached_execution_keeps_the_key_and_is_read_back(beside_tfx: dict[str, Any]) -> None:
    found = read_history(beside_tfx["config"]).of_run("by_us")["StatisticsGen"]
    source = read_history(beside_tfx["config"]).of_run("first")["StatisticsGen"]
    assert (found.state, found.cache_key) == ("cached", "k")
    assert (found.inputs, found.outputs) == (source.inputs, source.outputs)


def test_publishing_twice_into_one_run_reuses_its_context(beside_tfx: dict[str, Any]) -> None:
    with open_store(beside_tfx["config"]) as store:
        before = len(store.get_contexts())
        publish_cached(store, beside_tfx["first"], "eta", "by_us")
        assert len(store.get_contexts()) == before
