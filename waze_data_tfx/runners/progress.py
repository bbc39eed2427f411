"""What a person sees while a run goes on: a live table on a terminal, plain lines elsewhere.

Called by the local runner with every change of a node. Never decides anything.
"""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ..history.record import NodeRecord, Run

if TYPE_CHECKING:
    from rich.table import Table as RichTable

GLYPHS = {
    "waiting": ("·", "dim"),
    "running": ("▶", "bold cyan"),
    "complete": ("✓", "green"),
    "cached": ("↺", "green"),
    "done": ("✓", "green"),
    "reused": ("↺", "yellow"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "bold red"),
    "not run": ("-", "dim"),
}


class Progress(Protocol):
    """Shows a run as it changes."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...
    def message(self, text: str) -> None:
        """Say one line about the run as a whole."""

    def changed(self, node: NodeRecord) -> None:
        """Show a node's new state."""

    def tick(self) -> None:
        """Let times advance."""


class Lines:
    """One line per change; for logs, pipes and CI."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    def message(self, text: str) -> None:
        """Print the line."""
        print(text, flush=True)

    def changed(self, node: NodeRecord) -> None:
        """Print state, time and reason."""
        if node.state not in ("waiting", "not run"):
            seconds = f" {node.seconds:.1f} s" if node.seconds is not None and node.state == "complete" else ""
            note = " - ".join(t for t in (node.reason if node.state != "complete" else "", node.note) if t)
            print(f"{GLYPHS[node.state][0]} {node.id:<17} {node.state}{seconds}{f' ({note})' if note else ''}", flush=True)

    def tick(self) -> None:
        """Print nothing."""


class Table:
    """A table that is redrawn in place."""

    def __init__(self, run: Run) -> None:
        """Show the nodes of `run`."""
        from rich.console import Console
        from rich.live import Live

        self._run = run
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._draw)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def message(self, text: str) -> None:
        """Print the line above the table."""
        self._console.print(text, highlight=False, markup=False)

    def changed(self, node: NodeRecord) -> None:
        """Redraw."""
        self._live.refresh()

    def tick(self) -> None:
        """Leave redrawing to the live display."""

    def _draw(self) -> "RichTable":
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=None, pad_edge=False, show_header=False)
        for node in self._run.nodes.values():
            glyph, style = GLYPHS[node.state]
            seconds = node.seconds
            if node.state == "running" and node.started:
                seconds = time.time() - node.started
            shown = f"{seconds:.1f} s" if seconds is not None and node.state in ("running", "complete", "failed") else ""
            note = " - ".join(t for t in (node.reason, node.note) if t)
            table.add_row(
                Text(glyph, style), Text(node.id), Text(node.state, style), Text(shown, justify="right"), Text(note, "dim")
            )
        return table


def show(run: Run, *, quiet: bool) -> Progress:
    """Return the table on a terminal, lines elsewhere, nothing visible if `quiet`."""
    import sys

    if quiet:
        return Silent()
    return Table(run) if sys.stdout.isatty() else Lines()


class Silent(Lines):
    """Shows nothing; for `--json`."""

    def message(self, text: str) -> None:
        """Print nothing."""

    def changed(self, node: NodeRecord) -> None:
        """Print nothing."""
