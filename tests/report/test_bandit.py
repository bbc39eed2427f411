"""A bandit's page: every number is that of the artifacts, and what is missing says why."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bandit_page_for_test import assert_values, section_of, table_of
from bandit_run_for_test import ACTIONS, ROWS, TRAINING, made_run, off_policy, part, policy
from html_for_test import browse, checked, needs_chromium, overflow, tables, words

from waze_data_tfx.evaluation.off_policy.results import Estimate
from waze_data_tfx.evaluation.verdict import Check, Verdict
from waze_data_tfx.report import page
from waze_data_tfx.report.bandit import arms, log, overlap, value
from waze_data_tfx.report.source import Source

SECTIONS = ["verdict", "graph", "data", "anomalies", "drift", "transforms", "log", "agent", "value", "arms", "overlap"]
SECTIONS += ["served", "serving", "lineage", "environment"]


def html_of(source: Source) -> str:
    html = page.render("page.html.j2", page=page.build(source))
    assert checked(html).ids == SECTIONS
    return html


def test_every_value_difference_and_interval_is_the_one_of_the_file(tmp_path: Path) -> None:
    found = off_policy(part(baseline=True), part("CH", baseline=True))
    html = html_of(made_run(tmp_path, found))
    assert_values(html, found.to_json())
    text = words(section_of(html, "value"))
    assert "2,000 logged decisions of the eval split (640 groups of users)" in text
    assert "0.6094 (0.5938 to 0.625, 95 %); of production’s: 0.6016" in text
    assert "out of fold 0.1875, of the mean reward 0.2188." in text
    assert "switch_tau 12.5, dros_lambda 64" in text
    assert "clipped at 100." in text
    assert "There is no policy in production" not in text


def test_better_and_worse_are_said_by_the_gates_interval_alone(tmp_path: Path) -> None:
    narrow = part()
    line = narrow.differences[1]  # candidate minus the log: 0.1875, by Bernstein as wide as is said here
    doubtful = replace(line, reward=Estimate(0.1875, (0.15, 0.2), (-0.1, 0.4)))
    slices = (replace(narrow, differences=(doubtful,)),)
    by = {m: value.value(made_run(tmp_path / m, off_policy(*slices, interval=m))) for m in ("bootstrap", "bernstein")}
    assert [v.overall.differences[0].better for v in by.values()] == [True, None]


def test_without_production_a_best_arm_or_an_interval_nothing_is_made_up(tmp_path: Path) -> None:
    bare = part(n_rows=3)
    unknown = policy(
        "candidate", None, shares=(0.5, 0.25, 0.25), effective_sample_size=None, mean_weight=None, unsubscribe_rate=None
    )
    logging = next(p for p in bare.policies if p.kind == "logging")
    slices = (replace(bare, policies=(unknown, logging), differences=(), calibration=(), auc=None, auc_interval=None, tuned={}),)
    html = html_of(made_run(tmp_path, off_policy(*slices, reward_model={"source": "scores"}, settings={})))
    assert table_of(html, "value", "Policy", "Value by dr")[0]["Value by dr"] == "–"
    text = words(section_of(html, "value"))
    assert "There is no policy in production to compare with." in text
    assert "its own scores stand in for a reward model" in text
    assert "clipped at" not in text
    row = table_of(html, "overlap", "Policy", "Support")[0]
    assert (row["Effective rows"], row["Mean weight"]) == ("– too few", "– too small")
    assert "No slice was evaluated" in words(section_of(html, "arms"))


def test_equal_policies_differ_by_nothing_not_by_rounding(tmp_path: Path) -> None:
    same = part()
    noise = replace(same.differences[1], reward=Estimate(-6.9e-18, (-2e-17, -1e-18), (-0.1, 0.1)))
    made = value.value(made_run(tmp_path, off_policy(replace(same, differences=(noise,)))))
    [line] = made.overall.differences
    assert (line.value.value, line.value.bootstrap, line.better) == ("0", "0 to 0", None)


def test_weeks_are_counted_from_the_windows_first_day() -> None:
    days = ROWS["log"]["days"]  # type: ignore[index]
    first, second = log.weeks_of(days, ["-1", "0", "1"], start="2025-01-27")
    assert (first.first, first.last, first.n_days, first.n_rows) == ("2025-01-28", "2025-02-02", 2, 2000)
    assert first.reward.value == (250 + 250) / 2000
    assert first.rewards == [50 / 2000, 1400 / 2000, 550 / 2000]
    assert first.taken == {"deals": 0.5, "news": 0.375, "<b>ait": 0.125}
    # rewards' sum of squares is 600 of 2000: variance (600 - 2000 * 0.25^2) / 1999 = 475 / 1999
    reach = 1.96 * math.sqrt(475 / 1999 / 2000)
    assert first.reward.interval == pytest.approx((0.25 - reach, 0.25 + reach))
    assert (second.first, second.last, second.n_days) == ("2025-02-03", "2025-02-03", 1)
    assert [w.first for w in log.weeks_of(days, ["-1", "0", "1"], start=None)] == ["2025-01-28"]  # a week from the first day


def test_a_log_counted_by_an_earlier_version_has_means_and_nothing_else() -> None:
    [week] = log.weeks_of({"2025-01-27": {"rows": 4, "reward": 1.0}}, ["0", "1"], start=None)
    assert (week.reward.value, week.reward.interval, week.rewards, week.taken) == (0.25, None, None, {})
    assert log.weeks_of({}, [], start="2025-01-27") == []


def test_the_log_its_weeks_its_warnings_and_what_was_left_out(tmp_path: Path) -> None:
    html = html_of(made_run(tmp_path))
    text = words(section_of(html, "log"))
    assert "4,000 decisions of all splits; left out before by rules: 100 still inside the attribution window." in text
    assert "Rewards: -1 in 100, 0 in 3,000, 1 in 900." in text
    assert "x &lt;i&gt;: never taken Next: let it be explored" in text
    week = table_of(html, "log", "Week", "Days")[1]
    assert (week["Decisions"], week["Mean reward"], week["Reward -1"], week["Reward 0"], week["Reward 1"]) == (
        "2,000", "0.15", "2.5 %", "80.0 %", "17.5 %",
    )  # fmt: skip
    shares = {row["Action"]: [row["2025-01-28"], row["2025-02-03"]] for row in table_of(html, "log", "Action")}
    assert shares == {"deals": ["50.0 %", "0 %"], "news": ["37.5 %", "100 %"], "<b>ait": ["12.5 %", "0 %"]}


def test_shares_of_arms_and_segments_in_the_order_of_their_change(tmp_path: Path) -> None:
    turned = {"candidate": (0.0, 0.0, 1.0), "candidate_eval": (0.0, 0.0, 1.0), "logging": (1.0, 0.0, 0.0)}
    still = {**turned, "candidate": (1.0, 0.0, 0.0)}
    found = off_policy(part(), part("AT", n_rows=900, shares=still), part("CH", n_rows=100, shares=turned))
    source = made_run(tmp_path, found)
    made = arms.arms(source)
    assert made.names == ["the log's policy", "candidate", "candidate (eval)"]
    assert made.shares["<b>ait"] == [0.5, 0.1, 0.0]
    assert made.overall.distance == pytest.approx(0.4)  # (|0.6 - 0.2| + 0 + |0.1 - 0.5|) / 2
    spread = math.sqrt(0.2 * 0.8) + math.sqrt(0.3 * 0.7) + math.sqrt(0.5 * 0.5)
    assert made.overall.chance == pytest.approx(math.sqrt(2 / math.pi / 2000) * spread / 2)
    assert [(s.name, s.distance, s.chance) for s in made.segments] == [("country=CH", 1.0, 0.0), ("country=AT", 0.0, 0.0)]
    assert made.overall.from_production is None
    html = html_of(source)
    row = table_of(html, "arms", "Action", "Candidate − log, points")[0]
    assert (row["the log's policy"], row["candidate"], row["Candidate − log, points"]) == ("20.0 %", "60.0 %", "+40")
    segments = table_of(html, "arms", "Slice", "Distance")
    assert [(s["Slice"], s["Distance"]) for s in segments] == [
        ("all rows", "40.0 %"),
        ("country=CH", "100 %"),
        ("country=AT", "0 %"),
    ]
    assert segments[0]["Value, to the log’s"] == "+0.1875"
    assert "From production" not in segments[0]


def test_production_is_shown_where_there_is_one(tmp_path: Path) -> None:
    html = html_of(made_run(tmp_path, off_policy(part(baseline=True), part("CH", baseline=True))))
    row = table_of(html, "arms", "Action", "Candidate − log, points")[2]
    assert (row["Action"], row["production"]) == ("<b>ait", "20.0 %")
    assert table_of(html, "arms", "Slice", "Distance")[0]["From production"] == "10.0 %"  # (0.1 + 0 + 0.1) / 2


def test_overlap_and_calibration_are_those_of_the_file(tmp_path: Path) -> None:
    source = made_run(tmp_path)
    html = html_of(source)
    row = table_of(html, "overlap", "Policy", "Support")[0]
    assert list(row.values()) == ["candidate", "512.5 enough", "25.6 %", "0.9688 enough", "17.5", "1.2 %", "100 %"]
    assert [list(r.values()) for r in table_of(html, "overlap", "Action", "Ratio")] == [
        ["deals", "400", "2,000", "0.975", "0.9375 to 1.012", "✓ passed", "0.9922"],
        ["news", "600", "2,000", "1.3", "1.25 to 1.35", "✗ failed", "1.281"],
        ["<b>ait", "3", "2,000", "0.045", "0.01 to 0.08", "– not judged", "–"],
    ]
    assert "at least 200 effective rows and a mean weight of at least 0.8" in words(html)
    assert [w.is_judged for w in overlap.overlap(source).weights] == [True, False, False, False, False, False]


def test_the_eval_policy_is_judged_where_it_will_serve(tmp_path: Path) -> None:
    bandit = {"actions": ACTIONS, "serving": {"policy": "eval"}, "off_policy": {"min_effective_sample_size": 600}}
    html = html_of(made_run(tmp_path, bandit=bandit))
    rows = {r["Policy"]: r["Effective rows"] for r in table_of(html, "overlap", "Policy", "Support")}
    assert (rows["candidate"], rows["candidate (eval)"]) == ("512.5", "512.5 too few")


def test_the_agent_with_its_settings_and_what_it_began_from(tmp_path: Path) -> None:
    text = words(section_of(html_of(made_run(tmp_path)), "agent"))
    assert "letters-0123 of agent linucb , learnt from 2,000 decisions in 2.5 s; 2 numbers per context." in text
    assert "It began from nothing: this agent is fitted from the window's rows alone, exactly." in text.replace("&#39;", "'")
    assert "alpha 0.75 priors.news.mean 0.25 priors.news.strength 8.0" in text
    assert "0.1719; of their mean reward (0.1406) for all: 0.2031." in text
    assert "no nearer than the mean" not in text
    assert "rows 2,000, days 13" in text
    assert "deals 400 news 600" in text


def test_a_warm_start_is_said_and_a_poor_agent_too(tmp_path: Path) -> None:
    record = {**TRAINING, "warm_start": "/earlier/Trainer/model/3/Format-Serving", "eval": {**TRAINING["eval"], "mse": 0.25}}  # type: ignore[dict-item]
    text = words(section_of(html_of(made_run(tmp_path / "a", training=record)), "agent"))
    assert "the policy that was accepted last: /earlier/Trainer/model/3/Format-Serving." in text
    assert "no nearer than the mean" in text
    neural = {"actions": ACTIONS, "agent": {"name": "neural_boltzmann"}}
    first = words(section_of(html_of(made_run(tmp_path / "b", bandit=neural)), "agent"))
    assert "It began from nothing: no policy had been accepted before." in first
    cold = words(section_of(html_of(made_run(tmp_path / "c", bandit={**neural, "warm_start": False})), "agent"))
    assert "It began from nothing: bandit.warm_start is false." in cold


def test_what_serves_with_its_reasons(tmp_path: Path) -> None:
    html = html_of(made_run(tmp_path))
    text = words(section_of(html, "served"))
    assert (
        "serving policy : the eval policy is not clearly worth more. Share of the traffic that the eval policy gets: 25.0 %."
        in text
    )
    assert "Eval policy minus serving policy: +0.0625 (−0.01562 to 0.1406)." in text
    assert [list(r.values())[:4] for r in table_of(html, "served", "Serving does")] == [
        ["all other rows", "2,000", "exploit", "it earns more"],
        ["country=CH", "900", "always deals", "that arm earns more"],
        ["country=DE", "9", "explore", "thin"],
    ]
    evidence = table_of(html, "served", "Serving does")[1]["Differences"]
    assert (
        evidence
        == "candidate minus best single arm: −0.125 (−0.1875 to −0.0625) candidate (eval) minus the log's policy: not known"
    )
    assert "generation 4 is current in /registry." in text


HEADLINES = {
    "refused": "Refused by the gate; nothing was pushed",
    "inconclusive": "The gate could not decide; nothing was pushed",
}


@pytest.mark.parametrize("status", HEADLINES)
def test_a_policy_that_is_not_pushed_has_values_and_no_criteria(tmp_path: Path, status: str) -> None:
    html = html_of(made_run(tmp_path, until="Evaluator", state="refused", status=status))
    assert HEADLINES[status] in words(html)
    assert f"dr is {status}" in words(section_of(html, "verdict"))
    assert table_of(html, "value", "Policy", "Value by dr")[0]["Value by dr"] == "0.3125"
    text = words(section_of(html, "served"))
    for node in ("PolicyResolver", "Pusher", "Copier"):
        assert f"{node}: skipped (after Evaluator)." in text
    assert "Attached to the pushed graph" not in text


def test_a_run_that_stopped_before_the_evaluator_has_a_log_and_an_agent(tmp_path: Path) -> None:
    html = html_of(made_run(tmp_path, until="Trainer"))
    for name in ("value", "arms", "overlap"):
        assert "Evaluator: skipped (after Trainer)." in words(section_of(html, name))
    assert "letters-0123" in section_of(html, "agent")
    nothing = html_of(made_run(tmp_path / "b", until="ExampleGen", state="failed"))
    assert "Trainer: skipped (after ExampleGen)." in words(section_of(nothing, "agent"))
    assert "4,000 decisions" in words(section_of(nothing, "log"))


def test_what_was_judged_stands_before_what_was_not(tmp_path: Path) -> None:
    source = made_run(tmp_path)
    shown = [Check("auc", f"s={i}", 0.5, None, None, None, None, None, f"reason {i}") for i in range(14)]
    judged = Check("dr against logging", "", 0.1, -0.01, 0.2, None, None, True, "it is worth more")
    (source.run.folder / "verdict.json").write_text(Verdict("blessed", (*shown, judged), {}, {}).to_json())
    html = section_of(html_of(source), "verdict")
    first, rest = (table[1:] for table in tables(html))
    assert [row[1] for row in first] == ["dr against logging", *["auc"] * 12]
    assert [row[-1] for row in rest] == ["reason 12", "reason 13"]
    assert "2 more that are not judged" in html


def test_a_pusher_that_pushed_nothing_attached_nothing(tmp_path: Path) -> None:
    source = made_run(tmp_path)
    (source.artifact("Pusher", "pushed_model") / "assets.extra" / "criteria.json").unlink()
    assert "Nothing was pushed in this run, so there are no decision criteria." in words(section_of(html_of(source), "served"))


def test_an_evaluation_without_off_policy_values_says_so(tmp_path: Path) -> None:
    source = made_run(tmp_path)
    (source.artifact("Evaluator", "evaluation") / "off_policy.json").unlink()
    assert "holds no off-policy values (off_policy.json)" in words(section_of(html_of(source), "value"))


def test_many_slices_are_counted_not_shown(tmp_path: Path) -> None:
    slices = [part(f"C{i:02}", n_rows=100 + i) for i in range(15)]
    made = value.value(made_run(tmp_path, off_policy(part(), *slices)))
    assert [s.name for s in made.slices] == [f"country=C{i:02}" for i in range(14, 2, -1)]  # the 12 largest
    assert made.n_left_out == 3
    assert all(s.policies[0].value.value == "0.3125" for s in made.slices)


LIGHT = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from bandit_run_for_test import made_run
from waze_data_tfx.evaluation.verdict import Check, Verdict
from waze_data_tfx.report import page
page.render("page.html.j2", page=page.build(made_run(Path(sys.argv[1]))))
print([m for m in ("tensorflow", "tfx", "apache_beam", "keras", "duckdb") if m in sys.modules])
"""


def test_the_page_is_made_without_tensorflow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(tmp_path), str(Path(__file__).parent.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@needs_chromium
@pytest.mark.parametrize("width", [1280, 500])
def test_chromium_shows_it_within_the_window_and_without_a_complaint(tmp_path: Path, width: int) -> None:
    html = html_of(made_run(tmp_path / "run", off_policy(part(baseline=True), part("CH", baseline=True))))
    (tmp_path / "page.html").write_text(html)
    done = browse(tmp_path, "--dump-dom", f"file://{tmp_path / 'page.html'}")
    assert "CONSOLE" not in done.stderr
    assert overflow(tmp_path, html, width) <= 0
