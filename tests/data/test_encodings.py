"""Columns with a role of their own, by the types that they are stored in."""

import pyarrow as pa
import pytest

from waze_data_tfx.config import Config
from waze_data_tfx.data.encodings import unreadable

CONFIG = Config.model_validate(
    {
        "name": "letters",
        "pipeline": "bandit",
        "label": "reward",
        "key": "user",
        "data": {"input": "x", "split": {"by": ["user"]}},
        "features": {"dense": ["age"]},
        "bandit": {"actions": ["a", "b"]},
        "evaluation": {"metrics": [{"name": "dr", "lower_bound": 0}]},
    }
)


@pytest.mark.parametrize(
    ("name", "stored", "said"),
    [
        ("eligible_actions", pa.string(), "received one text; split it: SPLIT(eligible_actions, ',')"),
        ("eligible_actions", pa.list_(pa.string()), None),
        ("user", pa.list_(pa.string()), "the key has one value per row; received an array"),
    ],
)
def test_a_role_says_how_many_values_a_row_has(name: str, stored: pa.DataType, said: str | None) -> None:
    found = unreadable(CONFIG, CONFIG.column_types(), {name: stored})
    assert set(found) == ({name} if said else set())
    assert said is None or said in found[name]
