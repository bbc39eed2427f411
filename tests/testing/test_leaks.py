"""The leak check: a copy of the label with noise is named, an honest column is not, and a label that moves a feature is found."""

import random
import sys
from pathlib import Path

import pytest

from waze_data_tfx import testing
from waze_data_tfx.errors import UserError
from waze_data_tfx.testing.leaks import judged

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import ROWS, write

FRAMES = "[f.frame.f_locals.get('inputs', {}) for f in __import__('inspect').stack()]"
PEEK = f"features.dense(next(i['seconds'] for i in {FRAMES} if 'seconds' in i), 0.0)"


def _csv(n_rows: int = 400) -> str:
    """Return seconds in 0..1000; km, half of whose variance is noise; a bill of 0.01 per second with an error below 1 %."""
    draw = random.Random(1)
    lines = ["seconds,km,zone,bill"]
    for _ in range(n_rows):
        seconds = draw.uniform(0, 1000)
        km, bill = seconds + draw.uniform(-500, 500), seconds / 100 * draw.uniform(0.99, 1.01)
        lines.append(f"{seconds},{km},{draw.choice('abc')},{bill}")
    return "\n".join(lines) + "\n"


def test_a_leaked_column_is_named_and_can_be_allowed(tmp_path: Path) -> None:
    config = write(tmp_path, csv=_csv(), more="")
    config.write_text(config.read_text().replace("dense: [km]", "dense: [km, bill]"))
    with pytest.raises(AssertionError) as caught:
        testing.check_no_leak(config)
    message = str(caught.value)
    assert message.startswith("these predict the label nearly alone (R2 on held-out rows, threshold 0.99):\n  'bill': 0.99")
    assert "'km'" not in message
    scores = testing.check_no_leak(config, allow=["bill"])
    assert scores["km"] < 0.8
    assert scores["zone"] < 0.1
    with pytest.raises(UserError, match=r"^allow: unknown column or feature 'bil'; .*did you mean 'bill'\?$"):
        testing.check_no_leak(config, allow=["bil"])


def test_a_feature_that_reads_the_label_is_found(tmp_path: Path) -> None:
    config = write(tmp_path, csv=_csv(60), mine=PEEK)
    with pytest.raises(AssertionError, match=r"^the label moves features:\n  feature 'mine', row 0: with its labels"):
        testing.check_no_leak(config)


def test_too_few_rows(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^check_no_leak: received 4 rows; expected at least 40"):
        testing.check_no_leak(write(tmp_path), [{**row, "seconds": 1.0} for row in ROWS])


def test_classes_are_judged_one_against_the_rest() -> None:
    """Of three classes only the last can be told by this feature; that is enough to be named."""
    import numpy as np

    from waze_data_tfx.testing.predictors import score

    labels = np.array([[0.0], [1.0], [2.0], [0.0], [1.0], [2.0]] * 10)
    values = [label[0] == 2 for label in labels]
    assert score(labels, values, "multiclass_classification") == 1.0
    # of a text, the mean of its training rows counts; a row without a value is a group of its own
    texts = [[] if label[0] == 2 else [b"other"] for label in labels]
    assert score(labels, texts, "multiclass_classification") == 1.0
    assert score(labels, [1.0] * 60, "multiclass_classification") == 0.5


def test_the_threshold_itself_is_a_leak() -> None:
    answer = {"differences": [], "metric": "R2", "scores": {"a": 0.9, "b": 0.89}}
    with pytest.raises(AssertionError, match=r"threshold 0.9\):\n  'a': 0.9000\nnext"):
        judged(answer, threshold=0.9, allow=[])
    judged(answer, threshold=0.91, allow=[])
