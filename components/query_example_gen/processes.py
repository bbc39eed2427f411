"""Work spread over the processes of one machine, where Beam's runner is one process.

Called by component.py. tfx_bsl's encoder and TensorFlow's writer hold Python's lock, so that threads gain nothing (measured: two
encode as fast as one), and a process that imports TensorFlow and Beam anew takes seconds; a fork takes milliseconds.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Literal


def each_until(done: Callable[[int], bool], numbers: Sequence[int], *, processes: Literal["fork", "spawn", "none"]) -> None:
    """Call `done` with each number, in order and on every core, until it returns False.

    Args:
        done: can be pickled; does one piece of the work.
        numbers: pieces of the work; a single one is done in this process.
        processes: spawn: they begin anew, because this one has threads of a library that does not survive a fork; none: this one
            does all the work, which would be done before they have begun.

    Raises:
        BrokenProcessPool: a process died, as when memory is short.
    """
    n_processes = min(len(numbers), len(os.sched_getaffinity(0)))
    if n_processes <= 1 or processes == "none":
        all(map(done, numbers))
        return
    with ProcessPoolExecutor(n_processes, mp_context=get_context(processes), initializer=_end_with_parent) as pool:
        if not all(pool.map(done, numbers)):
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this process with the one that began it, however that ends: a pool's processes wait for work for ever."""
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
