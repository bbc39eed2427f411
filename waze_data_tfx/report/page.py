"""One run as one HTML file that needs no network and no script.

Called by `waze-tfx run` at its end and by `waze-tfx report`. Reads what the run left behind through `source`; imports neither
TensorFlow nor TFX, so that it takes part of a second. Never changes anything of the run but its report.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..evaluation.verdict import Verdict
from ..history.record import Run, write_text
from . import data, fairness, lineage, model, monitoring, transforms
from . import search as searching
from .bandit import sections as bandits
from .numbers import duration, number, share, signed
from .source import Section, Source, open_source, section

if TYPE_CHECKING:
    from jinja2 import Environment

FILE = "report.html"
FOLDER = Path(__file__).parent
T = TypeVar("T")
TONES = {"done": "good", "failed": "bad", "stopped": "bad", "refused": "bad", "interrupted": "warn", "running": "warn"}


@dataclass(frozen=True)
class Page:
    """Everything that the template shows: of a bandit `bandit` in place of search, training, metrics, fairness and plots."""

    run: Run
    headline: str
    tone: str
    verdict: Section[Verdict]
    nodes: Section[lineage.Nodes]
    rows: Section[dict[str, Any]]
    statistics: Section[data.Statistics]
    anomalies: Section[dict[str, list[str]]]
    monitoring: monitoring.Monitoring
    transforms: Section[transforms.Transforms]
    search: Section[searching.Search]
    training: Section[model.Training]
    metrics: Section[model.Metrics]
    fairness: Section[fairness.Fairness]
    plots: Section[model.Plots]
    bandit: bandits.Sections | None
    infra: Section[model.Infra]
    lineage: Section[list[lineage.Made]]
    provenance: Section[dict[str, dict[str, str]]]
    environment: Section[dict[str, Any]]
    config: str
    made: str


def write(run: Run, output: Path | None = None) -> Path:
    """Write a run's report and return its path; default: report.html in the run's folder.

    Raises:
        RunFailed: the run's config or metadata cannot be read.
        OSError: the file cannot be written.
    """
    path = output or run.folder / FILE
    write_text(path, render("page.html.j2", page=build(open_source(run))))
    return path


def build(source: Source) -> Page:
    """Collect every section."""
    run = source.run
    return Page(
        run=run,
        headline=headline(source),
        tone=TONES[run.state],
        verdict=section(Source.verdict, source),
        nodes=section(lineage.nodes, source),
        rows=section(data.rows, source),
        statistics=section(data.statistics_of, source),
        anomalies=section(data.anomalies, source),
        monitoring=monitoring.monitoring(source),
        transforms=section(transforms.transforms, source),
        search=_supervised(searching.search, source),
        training=_supervised(model.training, source),
        metrics=_supervised(model.metrics, source),
        fairness=_supervised(fairness.fairness, source),
        plots=_supervised(model.plots, source),
        bandit=bandits.of(source),
        infra=section(model.infra, source),
        lineage=section(lineage.lineage, source),
        provenance=section(lineage.provenance, source),
        environment=section(lineage.environment, source),
        config=json.dumps(source.config.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _supervised(read: Callable[[Source], T], source: Source) -> Section[T]:
    """Return a section that only a supervised model has; a bandit's page does not show it."""
    return section(read, source) if source.config.bandit is None else Section(None, "A bandit has sections of its own.")


def headline(source: Source) -> str:
    """Return how the run ended, in a few words."""
    run, verdict = source.run, section(Source.verdict, source).data
    if run.state == "refused" and verdict and verdict.status == "inconclusive":
        return "The gate could not decide; nothing was pushed"
    if run.state == "done":
        return f"Done; version {run.pushed_version} is pushed" if run.pushed_version else "Done; nothing was pushed"
    return {
        "refused": "Refused by the gate; nothing was pushed",
        "stopped": "Stopped by the data",
        "failed": "Failed",
        "interrupted": "Interrupted; it can be resumed",
        "running": "Still running when this was made",
    }[run.state]


def render(template: str, **values: Any) -> str:
    """Return a template of this folder filled in."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"number": number, "signed": signed, "share": share, "duration": duration}
    made.globals["style"] = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return made
