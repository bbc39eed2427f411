"""A simulated log as the two tables that a shop keeps: decisions, and the events that came of them hours or days later.

Called by whoever wants files. Imports pyarrow inside functions; decides nothing.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .newsletter import Log, Policy, simulate
from .world import ACTIONS

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_MONDAY = "2025-01-06"
"""Day 0 of the simulation."""
DECISIONS, EVENTS = "decisions.parquet", "events.parquet"


def write_logs(directory: Path, *, weeks: int = 7, n_users: int = 4500, seed: int = 1, behaviour: Policy | None = None) -> Log:
    """Simulate weeks of logs, write `decisions.parquet` and `events.parquet` into the directory and return the log."""
    log = simulate(n_users=n_users, weeks=weeks, seed=seed, behaviour=behaviour)
    write_tables(log, directory)
    return log


def write_tables(log: Log, directory: Path) -> None:
    """Write a log's two tables as Parquet."""
    import pyarrow.parquet as pq

    directory.mkdir(parents=True, exist_ok=True)
    for name, table in ((DECISIONS, decisions_table(log)), (EVENTS, events_table(log))):
        pq.write_table(table, directory / name, compression="zstd", compression_level=19)


def decisions_table(log: Log) -> "pa.Table":
    """Return decisions(decision_id, user_id, decided_at, policy_id, eligible_actions, action, propensity, and the context)."""
    import pyarrow as pa

    contexts = log.contexts
    columns: dict[str, Any] = {
        "decision_id": decision_ids(len(log)),
        "user_id": np.char.add("u", np.char.zfill(contexts.user.astype(str), 5)),
        "decided_at": pa.array(moments(contexts.day), pa.timestamp("us", tz="UTC")),
        "policy_id": pa.array([log.policy_id] * len(log)),
        "eligible_actions": _lists(contexts.eligible),
        "action": np.array(ACTIONS)[log.action],
        "propensity": _column(log.propensity),
    }
    columns |= {name: _column(values) for name, values in contexts.columns.items()}
    return pa.table(columns)


def events_table(log: Log) -> "pa.Table":
    """Return events(decision_id, event, occurred_at), in the order of time: a click, or the click that unsubscribes."""
    import pyarrow as pa

    first, again = np.flatnonzero(log.clicked), np.flatnonzero(~np.isnan(log.again_hours))
    row = np.concatenate([first, again])
    hours = np.concatenate([log.delay_hours[first], log.again_hours[again]])
    occurred = moments(log.contexts.day[row]) + (hours * 3600).astype("timedelta64[s]").astype("timedelta64[us]")
    event = np.where(log.unsubscribed[row], "unsubscribe_click", "click")
    order = np.argsort(occurred, kind="stable")
    columns = {
        "decision_id": decision_ids(len(log))[row][order],
        "event": event[order],
        "occurred_at": pa.array(occurred[order], pa.timestamp("us", tz="UTC")),
    }
    return pa.table(columns)


def decision_ids(n: int) -> Any:
    """Return the ids of `n` decisions in their order."""
    return np.char.add("d", np.char.zfill(np.arange(n).astype(str), 7))


def moments(day: Any) -> Any:
    """Return days since FIRST_MONDAY as moments in UTC, to the minute: [n] datetime64[us]."""
    start = np.datetime64(datetime.fromisoformat(FIRST_MONDAY), "us")
    return start + np.round(day * 24 * 60).astype("timedelta64[m]").astype("timedelta64[us]")


def _lists(eligible: Any) -> "pa.Array":
    import pyarrow as pa

    row, arm = np.nonzero(eligible)
    offsets = np.concatenate([[0], np.bincount(row, minlength=len(eligible)).cumsum()]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ACTIONS).take(pa.array(arm)))


def _column(values: Any) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values, from_pandas=True)
