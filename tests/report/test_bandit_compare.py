"""Two bandit runs side by side, and what the terminal says of one."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from bandit_run_for_test import TRAINING, estimate, made_run, off_policy, part, policy
from html_for_test import checked, tables, words

from waze_data_tfx.evaluation.off_policy.results import OffPolicy, SliceResult
from waze_data_tfx.report import compare, page
from waze_data_tfx.report.bandit import comparison
from waze_data_tfx.report.text import print_run

SECTIONS = ["changes", "metrics", "verdicts", "agents", "arms", "drift", "nodes"]


def worth(value: float, country: str = "") -> SliceResult:
    """Return a slice whose candidate is worth `value` by dr."""
    made = part(country)
    shares = (value, 0.5 - value, 0.5)
    return replace(made, policies=(policy("candidate", value, shares=shares), *made.policies[1:]))


def html_of(first: OffPolicy, second: OffPolicy, folder: Path) -> str:
    record = {**TRAINING, "policy_id": "letters-9999", "settings": {"alpha": 2.0}}
    runs = made_run(folder / "a", first), made_run(folder / "b", second, training=record)
    html = page.render("compare.html.j2", c=compare.build(*runs))
    assert checked(html).ids == SECTIONS
    return html


def lines_of(html: str) -> dict[tuple[str, str], list[str]]:
    [found] = [t for t in tables(html) if t and t[0][:3] == ["Metric", "Slice", "first"]]
    return {(row[0], row[1]): row[2:] for row in found[1:]}


def test_a_change_is_judged_by_both_intervals(tmp_path: Path) -> None:
    found = off_policy(worth(0.25), worth(0.25, "CH")), off_policy(worth(0.3125), worth(0.28125, "CH"), worth(0.5, "DE"))
    html = html_of(*found, tmp_path)
    lines = lines_of(html)
    reach = 2**0.5 / 32  # each interval reaches 1/32 to either side
    assert lines["dr", "all rows"] == ["0.25", "0.3125", "+0.0625", f"{0.0625 - reach:.4g} to {0.0625 + reach:.4g}", "better"]
    assert lines["dr", "country=CH"] == ["0.25", "0.2812", "+0.03125", f"−{reach - 0.03125:.4g} to {0.03125 + reach:.4g}", ""]
    assert lines["effective_sample_size", "all rows"] == ["512.5", "512.5", "0", "", ""]
    assert {name for name, slice_ in lines if slice_ == "country=CH"} == {
        "auc",
        "dr",
        "effective_sample_size",
        "unsubscribe_rate",
    }
    assert not [slice_ for _, slice_ in lines if slice_ == "country=DE"]  # the first run has no such slice
    text = words(html)
    assert "The runs evaluated different decisions." in text
    assert "distance 6.2 % (0 %: the same)" in text  # (|0.3125 - 0.25| + |0.1875 - 0.25| + 0) / 2 = 0.0625
    assert re.search(r"policy letters-0123 letters-9999", text)
    assert re.search(r"setting alpha 0.75 2.0", text)
    assert re.search(r"setting priors.news.mean 0.25 –", text)


def test_intervals_of_different_confidence_are_not_mixed(tmp_path: Path) -> None:
    html = html_of(off_policy(worth(0.25)), off_policy(worth(0.5), confidence=0.9), tmp_path)
    assert lines_of(html)["dr", "all rows"] == ["0.25", "0.5", "+0.25", "", ""]
    assert "different confidences" in words(html)


def test_fewer_unsubscribes_are_better(tmp_path: Path) -> None:
    fewer = worth(0.25)
    candidate = replace(fewer.policies[0], unsubscribe_rate=estimate(0.0, 0.0))
    fewer = replace(fewer, policies=(candidate, *fewer.policies[1:]))
    assert lines_of(html_of(off_policy(worth(0.25)), off_policy(fewer), tmp_path))["unsubscribe_rate", "all rows"][-1] == "better"


def test_an_absence_says_of_which_run(tmp_path: Path) -> None:
    first, second = made_run(tmp_path / "a", until="Trainer"), made_run(tmp_path / "b", until="ExampleGen")
    made = comparison.comparison(first, second)
    assert made.worth.absent == made.shares.absent == "The first run: Evaluator: skipped (after Trainer)."
    assert made.agents.absent == "The second run: Trainer: skipped (after ExampleGen)."


def test_a_bandit_and_a_supervised_run_have_nothing_to_compare(tmp_path: Path) -> None:
    other = made_run(
        tmp_path / "b",
        pipeline="supervised",
        task="regression",
        bandit=None,
        evaluation={"metrics": [{"name": "mae", "upper_bound": 1}]},
    )
    made = compare.build(made_run(tmp_path / "a"), other)
    assert made.bandit is None
    assert {made.metrics.absent, made.training.absent, made.plots.absent} == {compare.NOT_ALIKE}


def test_show_prints_values_and_criteria(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = made_run(tmp_path)
    print_run(source.run, None, source.executions)
    lines = [re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert ["policy value by dr, bootstrap interval at 0.95; 2,000 decisions"] in lines
    assert ["candidate", "0.3125", "0.28125", "0.34375", "0.015625", "512.5", "0.96875"] in lines
    assert ["always <b>ait", "-0.0625", "-0.09375", "-0.03125", "0.015625", "512.5", "0.96875"] in lines
    assert ["decision criteria: all rows: exploit"] in lines


def test_show_of_a_run_without_an_evaluation_says_nothing_of_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = made_run(tmp_path, until="Trainer")
    print_run(source.run, None, source.executions)
    assert "policy value" not in capsys.readouterr().out
