"""The newsletter template's data is what its script makes, its README's values are the true ones, and its query joins rightly."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tfx  # noqa: F401 - before tensorflow_data_validation
from conftest import REPOSITORY

from waze_data_tfx.bandits.simulators import faults, newsletter, tables
from waze_data_tfx.components.query_example_gen import counts, decisions, logic
from waze_data_tfx.components.query_example_gen.plan import make_plan
from waze_data_tfx.config.load import load
from waze_data_tfx.config.run_date import dated
from waze_data_tfx.config.schema import Config
from waze_data_tfx.data.engines import engine_for
from waze_data_tfx.data.query import read_query
from waze_data_tfx.errors import DataError

SHIPPED = REPOSITORY / "templates" / "newsletter"
START, END = datetime(2025, 1, 27, tzinfo=UTC), datetime(2025, 2, 24, tzinfo=UTC)
"""The window of the shipped config."""


@pytest.fixture(scope="module")
def log() -> newsletter.Log:
    return newsletter.simulate(n_users=4500, weeks=7, seed=1)


def config_of(data: Path, root: Path, run_date: str | None = None) -> Config:
    """Return the shipped config with the tables of a folder, dated, its decisions named."""
    config = dated(load(REPOSITORY / "configs" / "newsletter.yaml"), run_date).config
    files = {"shop.decisions": data / tables.DECISIONS, "shop.events": data / tables.EVENTS}
    named = {name: table.model_copy(update={"file": str(files[name])}) for name, table in config.data.tables.items()}
    assert config.bandit is not None
    columns = config.bandit.columns.model_copy(update={"decision": "decision_id"})
    changes = {
        "root": root,
        "data": config.data.model_copy(update={"tables": named}),
        "bandit": config.bandit.model_copy(update={"columns": columns}),
    }
    return config.model_copy(update=changes)


def rows_of(config: Config, folder: Path) -> list[dict]:
    """Return the rows that the config's query gives."""
    folder.mkdir()
    staged = engine_for(read_query(config), config).stage(str(folder), 1)
    return [row for shard in staged.shards for batch in shard.batches() for row in batch.to_pylist()]


def summarised(config: Config, tmp_path: Path) -> dict:
    """Read the config's rows as ExampleGen does, in one process, and return what it would write to rows.json."""
    folders = {split: str(tmp_path / split) for split in config.data.split.names}
    staging = tmp_path / "staging"
    for folder in (*folders.values(), str(staging), decisions.ids_below(str(staging))):
        Path(folder).mkdir()
    plan = make_plan(config, folders, staging=str(staging))
    written = [counts.counts_from_json(counts.counts_to_json(logic.write_shard(plan, i))) for i in range(len(plan.parts))]
    return counts.summarise(config, written, staging=str(staging))


def test_the_shipped_files_are_of_the_stated_process(log: newsletter.Log) -> None:
    assert pq.read_table(SHIPPED / tables.DECISIONS).equals(tables.decisions_table(log))
    assert pq.read_table(SHIPPED / tables.EVENTS).equals(tables.events_table(log))
    assert sum((SHIPPED / name).stat().st_size for name in (tables.DECISIONS, tables.EVENTS)) < 1_000_000


def test_the_readme_says_the_true_values_of_the_window(log: newsletter.Log) -> None:
    contexts = log.contexts.take(log.contexts.day >= 21)
    name, single = newsletter.best_single_arm(contexts)
    values = [
        newsletter.replay(contexts, newsletter.popularity),
        newsletter.replay(contexts, newsletter.uniform),
        single,
        newsletter.replay(contexts, newsletter.most_clicked),
        newsletter.replay(contexts, newsletter.best),
    ]
    said = re.findall(
        r"^\| ([^|]+) \| (0\.\d{3}) \| (0\.\d{3}) \| (0\.\d{4}) \|$", (SHIPPED / "README.md").read_text(), re.MULTILINE
    )
    assert [row[1:] for row in said] == [(f"{v.reward:.3f}", f"{v.click:.3f}", f"{v.unsubscribe:.4f}") for v in values]
    assert f"`{name}`" in said[2][0]
    header = (REPOSITORY / "configs" / "newsletter.yaml").read_text()
    for value in (values[0], values[2], values[4]):
        assert f"{value.reward:.3f}" in header


def test_examplegen_reads_the_shipped_log_and_counts_what_is_still_open(log: newsletter.Log, tmp_path: Path) -> None:
    said = summarised(config_of(SHIPPED, tmp_path), tmp_path)
    in_window = log.contexts.day >= 21
    n_open = int((log.contexts.day + 3 > 49).sum())
    assert said["rows_read"] == in_window.sum() == 25799
    assert said["dropped"] == {"still inside the attribution window": n_open}
    known = in_window & (log.contexts.day + 3 <= 49)
    reward = log.reward(72)[known]
    assert said["log"]["rewards"] == {"-1": (reward == -1).sum(), "0": (reward == 0).sum(), "1": (reward == 1).sum()}
    assert said["log"]["warnings"] == []
    assert list(said["log"]["days"])[::24] == ["2025-01-27", "2025-02-20"]
    assert json.loads(json.dumps(said)) == said
    earlier = summarised(config_of(SHIPPED, tmp_path, "2025-02-03"), _new(tmp_path / "earlier"))
    assert earlier["rows_read"] == (log.contexts.day < 28).sum()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("joint_propensities", "its propensities are too small for how often it was taken"),
        ("zero_propensities", "the propensity is not above 0 in "),
        ("ineligible_action", "the action taken is not among the eligible ones in "),
        ("empty_week", "no decision from 2025-01-13 to 2025-01-19"),
        ("zero_rewards", "the reward is 0 in all "),
    ],
)
def test_a_log_that_cannot_be_learnt_from_stops_examplegen(fault: str, message: str, tmp_path: Path) -> None:
    wrong = faults.plant(newsletter.simulate(n_users=700, weeks=4, seed=2), fault)
    tables.write_tables(wrong, tmp_path / "log")
    config = config_of(tmp_path / "log", tmp_path, "2025-02-03")
    config = config.model_copy(update={"data": config.data.model_copy(update={"window": _any_size(config)})})
    with pytest.raises(DataError) as caught:
        summarised(config, _new(tmp_path / "rows"))
    assert message in caught.value.message
    assert "newsletter.sql: " in caught.value.message
    assert caught.value.hint


def test_a_decision_twice_stops_examplegen(tmp_path: Path) -> None:
    log = newsletter.simulate(n_users=700, weeks=4, seed=2)
    tables.write_tables(log, tmp_path / "log")
    table = tables.decisions_table(log)
    pq.write_table(pa.concat_tables([table, table.slice(5, 2)]), tmp_path / "log" / tables.DECISIONS)
    config = config_of(tmp_path / "log", tmp_path, "2025-02-03")
    config = config.model_copy(update={"data": config.data.model_copy(update={"window": _any_size(config)})})
    with pytest.raises(DataError, match=r"2 of [0-9]+ decisions stand in another row, too, such as 'd0000005'"):
        summarised(config, _new(tmp_path / "rows"))


def test_a_reward_is_what_happened_within_the_attribution_window(tmp_path: Path) -> None:
    at, second, microsecond = datetime(2025, 2, 3, 12, tzinfo=UTC), timedelta(seconds=1), timedelta(microseconds=1)
    hours = timedelta(hours=72)
    cases = {  # events of a decision taken at `at`, and its reward and whether the reader was lost
        "nothing": ([], 0, 0),
        "at once": ([("click", at)], 1, 0),
        "before": ([("click", at - microsecond)], 0, 0),
        "just in time": ([("click", at + hours - microsecond)], 1, 0),
        "too late": ([("click", at + hours)], 0, 0),
        "twice": ([("click", at + second), ("click", at + 2 * second)], 1, 0),
        "left": ([("unsubscribe_click", at + second)], -1, 1),
        "clicked and left": ([("click", at + second), ("unsubscribe_click", at + 2 * second)], -1, 1),
        "clicked, left too late": ([("click", at + second), ("unsubscribe_click", at + hours)], 1, 0),
        "another event": ([("opened", at + second)], 0, 0),
    }
    decided = dict.fromkeys(cases, at) | {
        "before the window": START - microsecond,
        "at its start": START,
        "just closed": END - hours,
        "just open": END - hours + microsecond,
        "last": END - microsecond,
        "after the window": END,
    }
    _write_decisions(decided, tmp_path)
    events = [(name, event, moment) for name, (happened, _, _) in cases.items() for event, moment in happened]
    kinds = (pa.string(), pa.string(), pa.timestamp("us", tz="UTC"))
    columns = {
        n: pa.array(v, k)
        for n, v, k in zip(("decision_id", "event", "occurred_at"), zip(*events, strict=True), kinds, strict=True)
    }
    pq.write_table(pa.table(columns), tmp_path / tables.EVENTS)
    rows = {row["decision_id"]: row for row in rows_of(config_of(tmp_path, tmp_path), tmp_path / "staging")}
    assert {name: (rows[name]["reward"], rows[name]["unsubscribed"]) for name in cases} == {n: c[1:] for n, c in cases.items()}
    assert set(rows) == set(decided) - {"before the window", "after the window"}
    assert {name for name, row in rows.items() if row["still_open"]} == {"just open", "last"}
    assert rows["at once"]["decided_on"].isoformat() == "2025-02-03"
    assert rows["at once"]["weekday"] == 2  # a Monday
    assert rows["at once"]["eligible_actions"] == ["bestsellers", "trending"]


def _write_decisions(decided: dict[str, datetime], folder: Path) -> None:
    n = len(decided)
    columns = {
        "decision_id": pa.array(decided),
        "user_id": pa.array(["u1"] * n),
        "decided_at": pa.array(decided.values(), pa.timestamp("us", tz="UTC")),
        "eligible_actions": pa.array([["bestsellers", "trending"]] * n),
    }
    pq.write_table(pa.table(columns), folder / tables.DECISIONS)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _any_size(config: Config) -> object:
    assert config.data.window is not None
    return config.data.window.model_copy(update={"min_rows": 1})
