"""What is run again, what is taken from an earlier run, and the reason that is given; on a store as real runs leave it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from registry_for_test import URI, bucket, model, register
from store_for_test import Writer, config_in

from waze_data_tfx import registry, versions
from waze_data_tfx.errors import NoCredentials
from waze_data_tfx.history.metadata import Execution, open_store, publish_cached
from waze_data_tfx.pipelines.graph import Node, ordered
from waze_data_tfx.runners import cache
from waze_data_tfx.runners.cache import Planned, Selection, changed_parts, plan

OUTPUTS = {
    "ExampleGen": ("examples", "Examples"),
    "Transform": ("graph", "TransformGraph"),
    "Trainer": ("model", "Model"),
    "Evaluator": ("blessing", "ModelBlessing"),
    "Pusher": ("pushed_model", "PushedModel"),
    "Copier": ("registration", "String"),
}


class World:
    """A small graph like the supervised one, its files and its store; `run` leaves what a real run leaves."""

    def __init__(self, folder: Path) -> None:
        self.config = config_in(folder)
        self.writer = Writer(self.config)
        self.data, self.code = folder / "trips.csv", folder / "eta_model.py"
        self.data.write_text("miles,seconds\n1,60\n")
        self.code.write_text("import eta_units\n")
        self.units = folder / "eta_units.py"
        self.units.write_text("MILE = 1.6\n")
        self.registered = 1
        self.settings: dict[str, dict[str, Any]] = {
            "ExampleGen": {"data": {"max_dropped": 0.5}},
            "Transform": {"features": {"miles": "z_score"}},
            "Trainer": {"training": {"epochs": 10, "seed": 1}},
            "Evaluator": {"evaluation": {"upper_bound": 5}},
        }

    def nodes(self) -> dict[str, Node]:
        def node(id_: str, *upstream: str, **more: Any) -> Node:
            return Node(id_, upstream, settings=self.settings.get(id_, {}), library=("errors.py",), **more)

        return ordered(
            (
                node("ExampleGen", data=(self.data,)),
                node("Transform", "ExampleGen"),
                node("Trainer", "Transform", user_code=(self.code,)),
                node("Evaluator", "ExampleGen", "Trainer", resolves_baseline=True),
                node("Pusher", "Trainer", "Evaluator", pushes=True),
            )
        )

    def plan(self, run: str = "", **selection: Any) -> dict[str, Planned]:
        planned = plan(self.config, self.nodes(), self.writer.history(), selection=Selection(**selection), run=run)
        return {p.node.id: p for p in planned}

    def run(self, run: str, *, until: str | None = None, **selection: Any) -> dict[str, Planned]:
        """Do what the local runner does with a plan; `until` is the last node before an interruption."""
        planned = self.plan(run, **selection)
        made: dict[str, Execution] = {}
        for id_, p in planned.items():
            if p.decision in ("cached", "reused"):
                assert p.source is not None
                with open_store(self.config) as store:
                    publish_cached(store, p.source.id, "eta", run)
            elif p.decision == "run":
                self._execute(run, p, made, planned)
            made.update({n: e for n, e in self.writer.history().of_run(run).items() if n == id_})
            if id_ == until:
                break
        return planned

    def _execute(self, run: str, p: Planned, made: dict[str, Execution], planned: dict[str, Planned]) -> None:
        name, kind = OUTPUTS[p.node.id]
        inputs = {u: sorted(made[u].output_ids()) for u in p.node.upstream}
        properties: dict[str, int | str] = {}
        if p.node.id == "Evaluator":
            properties = {"blessed": 1, "current_model_id": inputs["Trainer"][0]}
            if p.parts["baseline"] is not None:
                properties["baseline_model_id"] = p.parts["baseline"]
        if p.node.id == "Pusher":
            properties = {"pushed_version": versions.publish(self.serving, lambda folder: None, expected=versions.ANY)}
        if p.node.id == "Copier":
            properties = {"generation": self.registered and self._register(run)}
        outputs = {name: (kind, properties)}
        self.writer.execution(run, p.node.id, key=p.key, parts=p.parts, inputs=inputs, outputs=outputs)

    def _register(self, run: str) -> int:
        assert self.config.registry.directory is not None
        return register(model(self.code.parent / "pushed" / run, run), self.config.registry.directory, run).generation

    @property
    def serving(self) -> Path:
        assert self.config.push.directory is not None
        return self.config.push.directory

    def folder(self, node: str, run: str) -> Path:
        assert self.config.root is not None
        return self.config.root / "artifacts" / node / OUTPUTS[node][0] / run

    def model(self, run: str) -> int:
        [id_] = self.writer.history().of_run(run)["Trainer"].output_ids()
        return id_


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def ran(world: World) -> World:
    world.run("r1")
    return world


def decisions(planned: dict[str, Planned]) -> dict[str, str]:
    return {id_: p.decision for id_, p in planned.items()}


def reasons(planned: dict[str, Planned]) -> dict[str, str]:
    return {id_: p.reason for id_, p in planned.items()}


def test_first_run_executes_everything(world: World) -> None:
    planned = world.plan()
    assert set(decisions(planned).values()) == {"run"}
    assert reasons(planned) == {
        "ExampleGen": "first run",
        "Transform": "ExampleGen runs",
        "Trainer": "Transform runs",
        "Evaluator": "ExampleGen, Trainer run",
        "Pusher": "Trainer, Evaluator run",
    }
    assert [p.name for p in world.config.root.iterdir()] == ["fingerprints.json"]


def test_an_unchanged_run_takes_everything_and_says_from_where(ran: World) -> None:
    planned = ran.run("r2")
    assert set(decisions(planned).values()) == {"cached"}
    assert set(reasons(planned).values()) == {"unchanged since run r1"}
    executions = ran.writer.history().of_run("r1")
    assert {id_: p.source.id for id_, p in planned.items() if p.source} == {id_: e.id for id_, e in executions.items()}
    assert set(decisions(ran.plan()).values()) == {"cached"}


@pytest.mark.parametrize(
    ("node", "settings", "reason"),
    [
        ("Trainer", {"training": {"epochs": 12, "seed": 1}}, "training.epochs: 10 -> 12"),
        ("Trainer", {"training": {"seed": 1}}, "training.epochs: 10 -> null"),
        ("Trainer", {"training": {"epochs": 12, "seed": 2}}, "training.epochs: 10 -> 12; training.seed: 1 -> 2"),
        ("Transform", {"features": {"miles": "min_max"}}, 'features.miles: "z_score" -> "min_max"'),
        ("Evaluator", {"evaluation": {"upper_bound": 5, "note": "x" * 60}}, 'evaluation.note: null -> "' + "x" * 36 + "..."),
    ],
)
def test_a_changed_setting_is_named_with_both_values(ran: World, node: str, settings: dict[str, Any], reason: str) -> None:
    ran.settings[node] = settings
    planned = ran.plan()
    assert planned[node].decision == "run"
    assert planned[node].reason == reason
    ids = list(planned)
    assert {planned[i].decision for i in ids[: ids.index(node)]} <= {"cached"}
    assert {planned[i].decision for i in ids[ids.index(node) :]} == {"run"}


def _edit_imported(world: World) -> None:
    world.units.write_text("MILE = 1.609\n")


def _add_import(world: World) -> None:
    (world.code.parent / "eta_more.py").write_text("")
    world.code.write_text("import eta_units, eta_more\n")


def _remove_import(world: World) -> None:
    world.code.write_text("")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_edit_imported, "code eta_units.py changed"),
        (_add_import, "code eta_model.py changed; code eta_more.py added"),
        (_remove_import, "code eta_model.py changed; code eta_units.py removed"),
    ],
)
def test_changed_code_and_its_local_imports(ran: World, edit: Callable[[World], None], reason: str) -> None:
    edit(ran)
    planned = ran.plan()
    assert list(decisions(planned).values()) == ["cached", "cached", "run", "run", "run"]
    assert planned["Trainer"].reason == reason


def test_changed_data_runs_from_the_start_and_restored_data_is_found_again(ran: World) -> None:
    ran.data.write_text("miles,seconds\n2,90\n")
    planned = ran.run("r2")
    assert planned["ExampleGen"].reason == "input data changed"
    assert set(decisions(planned).values()) == {"run"}
    ran.data.write_text("miles,seconds\n1,60\n")
    planned = ran.plan()
    assert [planned[n].decision for n in ("ExampleGen", "Transform", "Trainer")] == ["cached"] * 3
    assert planned["Trainer"].reason == "unchanged since run r1"


@pytest.fixture
def queried(tmp_path: Path) -> World:
    """Return a world whose rows come from a query over the CSV, and whose first run is over."""
    world = World(tmp_path)
    sql = tmp_path / "trips.sql"
    sql.write_text("SELECT miles, seconds FROM `city.trips`")
    data = {"query": sql, "tables": {"city.trips": str(world.data)}}
    world.config = config_in(tmp_path, data=data)
    plain = world.nodes()
    rows = replace(plain["ExampleGen"], data=(), queries=True)
    world.nodes = lambda: {**plain, "ExampleGen": rows}  # type: ignore[method-assign]
    world.run("r1")
    return world


def test_a_table_that_changed_is_named(queried: World) -> None:
    assert set(decisions(queried.plan()).values()) == {"cached"}
    queried.data.write_text("miles,seconds\n2,60\n")
    assert reasons(queried.plan())["ExampleGen"] == "table city.trips changed"


def test_without_credentials_nothing_is_known_to_be_unchanged(queried: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: Any) -> Any:
        raise NoCredentials("env.query: nobody is logged in")

    monkeypatch.setattr(cache, "engine_of", refuse)
    assert "what its tables hold is unknown: no credentials" in reasons(queried.plan())["ExampleGen"]
    queried.run("r2")
    assert decisions(queried.plan())["ExampleGen"] == "run"


def test_touched_data_with_the_same_content_changes_nothing(ran: World) -> None:
    import os

    os.utime(ran.data, (1, 1))
    assert set(decisions(ran.plan()).values()) == {"cached"}


def test_force_reuses_nothing(ran: World) -> None:
    assert {(p.decision, p.reason) for p in ran.plan(force=True).values()} == {("run", "--force")}


def test_a_failed_execution_is_not_taken(world: World) -> None:
    planned = world.plan()
    first = planned["ExampleGen"]
    world.writer.execution("r1", "ExampleGen", key=first.key, parts=first.parts, state="failed")
    assert world.plan()["ExampleGen"].reason == "first run"


def test_to_leaves_out_what_comes_after(ran: World) -> None:
    planned = ran.plan(end="Trainer")
    assert list(decisions(planned).values()) == ["cached", "cached", "cached", "skip", "skip"]
    assert planned["Pusher"].reason == "after --to Trainer"


def test_from_takes_what_lies_before_even_if_it_changed(ran: World) -> None:
    ran.data.write_text("miles,seconds\n2,90\n")
    planned = ran.plan(start="Trainer", force=True)
    assert list(decisions(planned).values()) == ["reused", "reused", "run", "run", "run"]
    assert planned["Transform"].reason == "before --from Trainer, though changed"
    ran.data.write_text("miles,seconds\n1,60\n")
    planned = ran.plan(start="Trainer", end="Trainer", force=True)
    assert list(decisions(planned).values()) == ["cached", "cached", "run", "skip", "skip"]
    assert planned["Transform"].reason == "before --from Trainer"


def test_from_takes_what_has_the_key_before_what_is_newer(ran: World) -> None:
    ran.settings["Transform"] = {"features": {"miles": "min_max"}}
    ran.run("r2")
    ran.settings["Transform"] = {"features": {"miles": "z_score"}}
    transform = ran.plan(start="Trainer")["Transform"]
    assert (transform.decision, transform.reason) == ("cached", "before --from Trainer")
    assert transform.source is not None
    assert transform.source.run == "r1"


def test_from_takes_a_verdict_by_its_own_settings_only(ran: World) -> None:
    def judged() -> Planned:
        nodes = ran.nodes()
        nodes["Transform"] = replace(nodes["Transform"], judges=True)
        planned = plan(ran.config, nodes, ran.writer.history(), selection=Selection(start="Trainer"))
        return next(p for p in planned if p.node.id == "Transform")

    assert judged().decision == "cached"
    ran.settings["Transform"] = {"features": {"miles": "min_max"}}
    assert judged().decision == "run"
    assert judged().reason == 'before --from Trainer, but it judges: features.miles: "z_score" -> "min_max"'


def test_from_runs_what_has_never_run(world: World) -> None:
    planned = world.plan(start="Trainer")
    assert decisions(planned)["ExampleGen"] == "run"
    assert planned["ExampleGen"].reason == "before --from Trainer, but it has never run"


def test_outputs_that_were_deleted_are_made_again(ran: World) -> None:
    shutil.rmtree(ran.folder("Transform", "r1"))
    planned = ran.plan()
    assert list(decisions(planned).values()) == ["cached", "run", "run", "run", "run"]
    assert planned["Transform"].reason == "its outputs are no longer on disk"
    assert planned["Trainer"].reason == "Transform runs"


def test_an_older_execution_with_whole_outputs_is_taken(ran: World) -> None:
    ran.run("r2", end="ExampleGen", force=True)
    shutil.rmtree(ran.folder("ExampleGen", "r2"))
    planned = ran.plan()
    assert planned["ExampleGen"].reason == "unchanged since run r1"
    assert planned["Transform"].decision == "cached"


def test_inputs_that_were_made_again_are_read_again(ran: World) -> None:
    ran.run("r2", end="ExampleGen", force=True)
    planned = ran.plan()
    assert planned["ExampleGen"].reason == "unchanged since run r2"
    assert (planned["Transform"].decision, planned["Transform"].reason) == ("run", "its inputs were made again")


def test_a_resumed_run_does_not_repeat_what_it_has_finished(world: World) -> None:
    world.run("r1", until="Transform")
    planned = world.plan("r1")
    assert list(decisions(planned).values()) == ["done", "done", "run", "run", "run"]
    assert planned["Transform"].reason == "finished before the interruption"
    assert planned["Trainer"].reason == "first run"
    assert list(decisions(world.plan("r2")).values()) == ["cached", "cached", "run", "run", "run"]


def test_a_resumed_run_repeats_what_changed_meanwhile(world: World) -> None:
    world.run("r1", until="Trainer")
    world.units.write_text("MILE = 1.609\n")
    planned = world.plan("r1")
    assert list(decisions(planned).values()) == ["done", "done", "run", "run", "run"]
    assert planned["Trainer"].reason == "code eta_units.py changed"


def test_a_resumed_run_keeps_what_force_had_made(world: World) -> None:
    world.run("r1")
    world.run("r2", force=True, until="Transform")
    planned = world.plan("r2")
    assert list(decisions(planned).values()) == ["done", "done", "run", "run", "run"]
    assert planned["Trainer"].reason == "its inputs were made again"


def test_a_candidate_is_compared_with_the_model_blessed_last(ran: World) -> None:
    assert ran.plan()["Evaluator"].parts["baseline"] is None, "the candidate itself is no baseline"
    ran.units.write_text("MILE = 1.609\n")
    planned = ran.run("r2")
    assert planned["Evaluator"].parts["baseline"] == ran.model("r1")


def test_running_again_after_a_blessing_is_no_new_comparison(ran: World) -> None:
    ran.units.write_text("MILE = 1.609\n")
    ran.run("r2")
    planned = ran.plan()
    assert planned["Evaluator"].parts["baseline"] == ran.model("r1")
    assert set(reasons(planned).values()) >= {"unchanged since run r2"}
    assert set(decisions(planned).values()) == {"cached"}


def test_going_back_to_an_older_model_is_compared_with_the_newer_one(ran: World) -> None:
    ran.units.write_text("MILE = 1.609\n")
    ran.run("r2")
    ran.units.write_text("MILE = 1.6\n")
    planned = ran.plan()
    assert planned["Trainer"].reason == "unchanged since run r1"
    assert planned["Evaluator"].parts["baseline"] == ran.model("r2")
    assert (planned["Evaluator"].decision, planned["Evaluator"].reason) == ("run", "Trainer changed; baseline changed")


def test_a_node_of_another_library_version_is_not_taken(ran: World) -> None:
    nodes = ran.nodes()
    nodes["Trainer"] = replace(nodes["Trainer"], library=("errors.py", "versions.py"))
    [planned] = [
        p for p in plan(ran.config, nodes, ran.writer.history(), selection=Selection(), run="") if p.node.id == "Trainer"
    ]
    assert planned.reason == "waze-data-tfx itself changed"


def test_changed_parts_put_what_a_person_did_before_what_follows_from_it() -> None:
    before = {"config a.b": ("c", 1), "data": "x", "upstream ExampleGen": "1", "code f.py": "1", "versions": "tfx 1"}
    now = {"config a.b": ("c", 1), "data": "y", "upstream ExampleGen": "2", "code f.py": "2", "versions": "tfx 2"}
    assert changed_parts(json.dumps(before), now) == [
        "code f.py changed",
        "input data changed",
        "ExampleGen changed",
        "versions changed",
    ]
    assert changed_parts("", {}) == []


def test_a_tuple_is_no_change_and_a_long_list_names_what_differs_in_it() -> None:
    slices = [{"columns": ["clinic"], "metrics": [{"name": "auc", "max_gap": 0.02}]}]
    before = {"config classes": ["benign", "malignant"], "config slices": slices, "config hidden_units": [64, 32]}
    moved = [{"columns": ["clinic"], "metrics": [{"name": "auc", "max_gap": 0.01}]}]
    now = {"config classes": ("benign", "malignant"), "config slices": moved, "config hidden_units": (64,)}
    assert changed_parts(json.dumps(before), now) == [
        "slices.0.metrics.0.max_gap: 0.02 -> 0.01",
        "hidden_units: [64, 32] -> [64]",
    ]
    names = [f"column_{i}" for i in range(5)]
    [change] = changed_parts(json.dumps({"config dense": names}), {"config dense": names[1:]})
    assert change == 'dense: ["column_0", "column_1", "column_2", ... -> ["column_1", "column_2", "column_3", ...'


def test_a_push_is_taken_only_while_its_version_stands(ran: World) -> None:
    ran.units.write_text("MILE = 1.609\n")
    ran.run("r2")
    ran.units.write_text("MILE = 1.6\n")
    back = ran.run("r3")
    assert back["Trainer"].decision == "cached"
    assert versions.current(ran.serving) == 3
    ran.units.write_text("MILE = 1.609\n")
    planned = ran.plan()
    assert planned["Pusher"].decision == "run", "version 2 holds this model, but 3 is current"


def test_a_deleted_version_is_pushed_again(ran: World) -> None:
    shutil.rmtree(ran.serving)
    planned = ran.plan()
    assert (planned["Evaluator"].decision, planned["Pusher"].decision) == ("cached", "run")
    assert planned["Pusher"].reason == f"version 1 is no longer in {ran.serving}"


def test_a_rollback_stays(ran: World) -> None:
    ran.units.write_text("MILE = 1.609\n")
    ran.run("r2")
    versions.rollback(ran.serving)
    assert ran.plan()["Pusher"].decision == "cached"
    assert versions.current(ran.serving) == 1


def test_from_never_mixes_runs_that_read_other_rows(ran: World) -> None:
    ran.settings["ExampleGen"] = {"data": {"max_dropped": 0.1}}
    ran.run("r2", end="ExampleGen")
    planned = ran.plan(start="Trainer")
    assert planned["ExampleGen"].decision == "cached"
    assert planned["Transform"].decision == "run"
    assert planned["Transform"].reason == "before --from Trainer, but its last run (r1) read other inputs"


def test_a_node_whose_key_was_lost_in_a_kill_is_known_by_the_runs_own_note(world: World) -> None:
    world.run("r1", until="Transform")
    key = world.plan()["Trainer"].key
    inputs = {"Transform": sorted(world.writer.history().of_run("r1")["Transform"].output_ids())}
    world.writer.execution("r1", "Trainer", key="", parts={}, inputs=inputs, outputs={"model": ("Model", {})})
    history = world.writer.history()
    planned = plan(world.config, world.nodes(), history, selection=Selection(), run="r1", recorded={"Trainer": key})
    assert [p.decision for p in planned[:4]] == ["done", "done", "done", "run"]


def test_a_split_without_files_is_not_whole(world: World) -> None:
    names = '["train", "eval"]'
    world.writer.execution("r0", "ExampleGen", outputs={"examples": ("Examples", {"split_names": names})})
    [examples] = world.writer.history().of_run("r0")["ExampleGen"].outputs["examples"]
    for split in ("train", "eval"):
        (Path(examples.uri) / f"Split-{split}").mkdir()
        assert not examples.is_whole
        (Path(examples.uri) / f"Split-{split}" / "data.gz").write_text("rows")
    assert examples.is_whole


@pytest.fixture
def registering(tmp_path: Path) -> World:
    """Return a world whose graph ends with a Copier, and whose first run is over: generation 1 is current."""
    return _registering(tmp_path, tmp_path / "output" / "registry")


def _registering(folder: Path, directory: Path | str) -> World:
    world = World(folder)
    world.config = config_in(folder, registry={"directory": directory})
    plain = world.nodes
    copier = Node("Copier", ("Pusher",), library=("errors.py",), registers=True)
    world.nodes = lambda: ordered((*plain().values(), copier))  # type: ignore[method-assign]
    world.run("r1")
    return world


def test_a_registration_is_taken_only_while_its_generation_stands(registering: World) -> None:
    directory = registering.config.registry.directory
    assert decisions(registering.plan())["Copier"] == "cached"
    register(model(registering.code.parent / "later", "later"), directory)
    copier = registering.plan()["Copier"]
    assert (copier.decision, copier.reason) == (
        "run",
        f"generation 2 is current in {directory}, not this model's generation 1",
    )
    registry.rollback(directory)
    assert decisions(registering.plan())["Copier"] == "cached"


def test_a_generation_that_is_gone_is_registered_again(registering: World) -> None:
    shutil.rmtree(registering.config.registry.directory)
    planned = registering.plan()
    assert (planned["Pusher"].decision, planned["Copier"].decision) == ("cached", "run")
    assert planned["Copier"].reason == f"generation 1 is no longer in {registering.config.registry.directory}"


def test_a_rollback_of_the_registry_stays(registering: World) -> None:
    registering.units.write_text("MILE = 1.609\n")
    registering.run("r2")
    registry.rollback(registering.config.registry.directory)
    assert registering.plan()["Copier"].decision == "cached"


def test_a_model_that_was_not_pushed_is_no_generation_that_is_missing(registering: World) -> None:
    registering.registered = 0
    registering.run("r2", force=True)
    shutil.rmtree(registering.config.registry.directory)
    assert registering.plan()["Copier"].decision == "cached"


def test_a_generation_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket(monkeypatch) as fake:
        world = _registering(tmp_path, URI)
        fake.requests.clear()
        assert world.plan()["Copier"].decision == "cached"
        assert [r.method for r in fake.requests] == ["objects.list", "objects.download", "objects.download"]
        fake.delete("models", "eta/1/assets.extra/generation.json")
        assert world.plan()["Copier"].reason == f"generation 1 is no longer in {URI}"
        fake.fail("objects.list", status=403, reason="forbidden", message="me@x lacks storage.objects.list")
        copier = world.plan()["Copier"]
    said = f"what the registry holds is unknown: registry.directory: {URI}: me@x lacks storage.objects.list"
    assert (copier.decision, copier.reason) == ("run", said)
