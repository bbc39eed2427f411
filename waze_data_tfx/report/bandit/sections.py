"""All sections of a bandit's run at once, for the page."""

from dataclasses import dataclass

from ..source import Section, Source, section
from . import agent, arms, log, overlap, served, value


@dataclass(frozen=True)
class Sections:
    """What `bandit.html.j2` shows; each says why where it has nothing."""

    log: Section[log.Log]
    agent: Section[agent.Agent]
    value: Section[value.Value]
    arms: Section[arms.Arms]
    overlap: Section[overlap.Overlap]
    served: served.Served


def of(source: Source) -> Sections | None:
    """Return the sections of a bandit's run; None for any other."""
    if source.config.bandit is None:
        return None
    return Sections(
        log=section(log.log, source),
        agent=section(agent.agent, source),
        value=section(value.value, source),
        arms=section(arms.arms, source),
        overlap=section(overlap.overlap, source),
        served=served.served(source),
    )
