"""The section about the arms: how often each was and would be shown, and in which segments that changes most.

Called by `sections` and `comparison`. Before is what the log holds, after are the policies' mean probabilities on the same rows,
both of off_policy.json. Returns plain values for the template, or raises `Absent`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from waze_data_tfx.evaluation.off_policy.results import OffPolicy, PolicyResult, SliceResult

from .. import charts
from ..source import Source
from .evaluated import N_SLICES, Shown, label, overall_of, read, saved, shown_signed, slices_of


@dataclass(frozen=True)
class Segment:
    """How one slice changes.

    Attributes:
        name: of the slice.
        n_rows: decisions in it.
        distance: half the sum of the absolute changes of all arms' shares, from the log to the candidate: about the share of
            decisions that would be others, or less than it.
        chance: about how large that is for a candidate that does as the log's policy does, because the log is a draw.
        from_production: the same distance from the policy in production; None without one.
        before, after: the arms shown most, and their shares.
        changes: candidate's share minus the log's by arm.
        value: the candidate's value minus the log's; None where it was not estimated.
    """

    name: str
    n_rows: int
    distance: float
    chance: float
    from_production: float | None
    before: list[tuple[str, float]]
    after: list[tuple[str, float]]
    changes: dict[str, float]
    value: Shown | None


@dataclass(frozen=True)
class Arms:
    """Shares of the arms.

    Attributes:
        names: of the policies, the log's first.
        chart: a group of bars per arm, a bar per policy.
        shares: arm -> share by policy, in the order of `names`.
        overall: all rows.
        segments: the slices, the most changed first.
        n_left_out: slices that changed less.
        columns: of the slices.
    """

    names: list[str]
    chart: Markup
    shares: dict[str, list[float]]
    overall: Segment
    segments: list[Segment]
    n_left_out: int


def arms(source: Source) -> Arms:
    """Return shares before and after, on all rows and by slice."""
    found = read(source)
    overall = overall_of(found)
    policies = ordered(overall)
    segments = sorted((segment(found, s) for s in slices_of(found)), key=lambda s: -s.distance)
    return Arms(
        names=[label(p) for p in policies],
        chart=charts.bars("Arm shares", found.actions, {label(p): [p.arm_shares[a] for a in found.actions] for p in policies}),
        shares={a: [p.arm_shares[a] for p in policies] for a in found.actions},
        overall=segment(found, overall),
        segments=segments[:N_SLICES],
        n_left_out=max(len(segments) - N_SLICES, 0),
    )


def ordered(part: SliceResult) -> list[PolicyResult]:
    """Return the log's policy, production, the candidate and its eval policy, as far as they are there."""
    order = ("logging", "baseline", "candidate", "candidate_eval")
    return sorted(saved(part), key=lambda p: order.index(p.kind))


def segment(found: OffPolicy, part: SliceResult) -> Segment:
    """Return how a slice changes."""
    by_name = {p.name: p.arm_shares for p in saved(part)}
    log, new, old = by_name["logging"], by_name["candidate"], by_name.get("baseline")
    difference = part.difference("candidate", "logging")
    return Segment(
        name=part.slice or "all rows",
        n_rows=part.n_rows,
        distance=distance(log, new),
        chance=sum(math.sqrt(2 / math.pi * p * (1 - p) / part.n_rows) for p in log.values()) / 2,
        from_production=distance(old, new) if old else None,
        before=_most(log),
        after=_most(new),
        changes={a: new[a] - log[a] for a in found.actions},
        value=shown_signed(difference.reward) if difference else None,
    )


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return the total variation distance of two distributions over the same names: 0 alike, 1 nothing in common."""
    return sum(abs(one[name] - other[name]) for name in one) / 2


def _most(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])[:2]
