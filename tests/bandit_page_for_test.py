"""What a bandit's page says, held against off_policy.json: for pages of made runs and of real ones."""

import json

from html_for_test import tables

from waze_data_tfx.report.numbers import number, signed

NAMES = {"candidate": "candidate", "candidate_eval": "candidate (eval)", "baseline": "production", "logging": "the log's policy"}


def section_of(html: str, name: str) -> str:
    return html.partition(f'<section id="{name}">')[2].partition("</section>")[0]


def table_of(html: str, section: str, *heads: str) -> list[dict[str, str]]:
    """Return the rows of a section's first table with these headings, by heading; of several alike the last."""
    for rows in tables(section_of(html, section)):
        if set(heads) <= set(rows[0]):
            return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    raise AssertionError(f"no table with {heads} in {section}")


def assert_values(html: str, text: str) -> None:
    """Every policy, difference and estimator of all rows stands on the page as in the file, which is read as plain JSON here."""
    file = json.loads(text)
    overall, gate = file["slices"][0], file["estimator"]
    every, differences, to_arms, estimators, *_ = tables(section_of(html, "value"))
    rows = {row[0].removesuffix(" best"): row[1:] for row in every[1:]}
    by_estimator = {row[0]: row[1:] for row in estimators[1:]}
    assert len(rows) == len(overall["policies"]) == len(by_estimator)
    best = next((p["action"] for p in overall["policies"] if p["kind"] == "best_arm"), "")
    for p in overall["policies"]:
        name = _called(f"arm:{p['action']}" if p["kind"] == "arm" else p["kind"], best)
        assert rows[name] == _line(p["estimates"][gate]) + _line(p["unsubscribe_rate"])
        assert by_estimator[name] == [" ".join(_line(e)).strip() for e in p["estimates"].values()]
    assert estimators[0][1:] == list(overall["policies"][0]["estimates"])
    lines = {(row[0], row[1]): row[2:] for table in (differences, to_arms) for row in table[1:]}
    assert len(lines) == len(overall["differences"])
    for d in overall["differences"]:
        reward, lost = d["reward"], d["unsubscribe_rate"]
        low, high = (_exact(end) for end in reward[file["interval"]])
        said = "better" if low > 0 else "worse" if high < 0 else ""
        expected = [*_line(reward, signed), said, *_line(lost, signed)]
        assert lines[_called(d["policy"], best), _called(d["other"], best)] == expected


def _called(policy: str, best: str) -> str:
    if policy.startswith("arm:"):
        return f"always {policy.removeprefix('arm:')}"
    return f"best single arm ({best})" if policy == "best_arm" else NAMES[policy]


def _line(estimate: dict, shown=number) -> list[str]:
    return [shown(_exact(estimate["value"])), *(_span(estimate[method]) for method in ("bootstrap", "bernstein"))]


def _span(found: list[float] | None) -> str:
    return "" if found is None else f"{number(_exact(found[0]))} to {number(_exact(found[1]))}"


def _exact(value: float) -> float:
    """Without rounding's 1e-18 in the difference of two equal policies."""
    return round(value, 12) + 0.0
