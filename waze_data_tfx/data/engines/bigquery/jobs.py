"""A query job while it runs and once it is done: nothing is left running by mistake, and what it was is known.

Called by the engine around its wait for a job. Starts none.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CANCEL_S = 2.0
"""A runner that is interrupted gives its nodes three seconds."""


@contextmanager
def cancelled_if_left(job: Any) -> Iterator[None]:
    """Cancel the job if it is left before it is done: by Ctrl-C, a signal, a time limit."""
    from google.api_core.exceptions import GoogleAPIError

    try:
        yield
    except BaseException as error:
        if job.state != "DONE":
            try:
                job.cancel(retry=None, timeout=CANCEL_S)
            except (GoogleAPIError, OSError) as failed:
                error.add_note(f"job {job.job_id} could not be cancelled: {failed}")
        raise


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, by which a runner ends its nodes, end the wait as Ctrl-C does; a thread gets no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def facts_of(job: Any, n_streams: int) -> dict[str, Any]:
    """Return what is worth knowing of a job that is done; times are in UTC."""
    seconds = (job.ended - job.started).total_seconds() if job.ended and job.started else None
    return {
        "engine": "bigquery",
        "project": job.project,
        "job": job.job_id,
        "location": job.location,
        "processed_bytes": job.total_bytes_processed,
        "billed_bytes": job.total_bytes_billed,
        "cache_hit": bool(job.cache_hit),
        "slot_ms": job.slot_millis,
        "seconds": seconds,
        "snapshot": job.started.isoformat() if job.started else None,
        "result": str(job.destination),
        "n_streams": n_streams,
    }
