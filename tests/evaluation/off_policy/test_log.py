import pytest

tf = pytest.importorskip("tensorflow")

from waze_data_tfx.bandits.estimators.sums import group_of  # noqa: E402
from waze_data_tfx.errors import DataError  # noqa: E402
from waze_data_tfx.evaluation.off_policy.log import Reader  # noqa: E402

ROW = {
    "user_id": "u1",
    "action": "deals",
    "eligible_actions": ["news", "deals"],
    "propensity": 0.25,
    "reward": 1.0,
    "unsubscribed": 0,
}


def _example(**changes):
    features = {}
    for name, value in (ROW | changes).items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        if values and isinstance(values[0], str):
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))
        elif values and isinstance(values[0], int):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=values)) if values else tf.train.Feature()
        features[name] = feature
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def reader(off_policy_config):
    return Reader(off_policy_config())


def test_columns_become_numbers_of_actions_and_groups_of_users(reader):
    read = reader.read(
        [_example(), _example(user_id="u2", action="bait", eligible_actions=[]), _example(reward=-1.0, unsubscribed=1)]
    )
    assert read.action.tolist() == [1, 2, 1]
    assert read.eligible.tolist() == [[True, True, False], [True, True, True], [True, True, False]]
    assert (read.propensity.tolist(), read.reward.tolist()) == ([0.25] * 3, [1.0, 1.0, -1.0])
    assert read.unsubscribed.tolist() == [0, 0, 1]
    assert read.group.tolist() == group_of(["u1", "u2", "u1"]).tolist()


def test_names_that_are_no_action_are_left_out_and_a_list_of_them_alone_is_the_empty_set(reader):
    read = reader.read([_example(eligible_actions=["deals", "gone"]), _example(eligible_actions=["gone"], propensity=1.0)])
    assert read.eligible.tolist() == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"action": "deal"}, "column 'action' of user 'u1': received deal; expected one of bandit.actions; did you mean 'deals'"),
        ({"action": None}, "column 'action' of user 'u1': received ; expected one of bandit.actions"),
        ({"action": "bait"}, "received bait; expected an action of this row's 'eligible_actions'"),
        ({"propensity": 0.0}, "column 'propensity' of user 'u1': received 0.0; expected a probability in"),
        ({"propensity": None}, "received nan; expected a probability in"),
        ({"propensity": 1.5}, "received 1.5; expected a probability in"),
        ({"reward": None}, "column 'reward' of user 'u1': received nan; expected a reward"),
        ({"unsubscribed": 2}, "column 'unsubscribed' of user 'u1': received 2.0; expected 0 or 1"),
        ({"unsubscribed": None}, "received -1.0; expected 0 or 1"),
    ],
)
def test_row_that_no_estimate_can_be_made_of_is_an_error(reader, changes, message):
    with pytest.raises(DataError) as error:
        reader.read([_example(user_id="u0"), _example(**changes), _example(**changes)])
    assert message in str(error.value)
    assert "(2 such rows in one batch)" in str(error.value)
