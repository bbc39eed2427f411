"""A small policy, exported, loaded and asked: signatures, draws, criteria by asset file, and a process with TensorFlow alone."""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from waze_data_tfx.bandits.agents.base import Choice, Policy
from waze_data_tfx.bandits.decisions import Problem
from waze_data_tfx.bandits.export import Columns, export
from waze_data_tfx.bandits.policies import exploration
from waze_data_tfx.bandits.policies.criteria import EXPLOIT, FILE, Criteria, fixed, read_criteria, write_criteria
from waze_data_tfx.bandits.policies.identity import Identity
from waze_data_tfx.errors import UserCodeError, UserError

ACTIONS = ("news", "deals", "tips")
PROBLEM = Problem(ACTIONS, context_dim=2)
IDENTITY = Identity(ACTIONS, "p1", floor=0.1, seed=7, criteria_columns=("plan",))
OPTIONAL = tf.io.VarLenFeature(tf.float32)
TEXT, NUMBER = tf.io.VarLenFeature(tf.string), tf.io.VarLenFeature(tf.int64)
NAN = float("nan")


class Softmax(Policy):
    """Scores (x, y, 1), a softmax of them."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable([[1.0, 0, 0], [0, 1, 0]])

    def __call__(self, context, eligible):
        scores = context @ self.weights + [[0.0, 0, 1]]
        return Choice(scores, exploration.softmax(scores, eligible, 1.0))


def dense(column):
    if not isinstance(column, tf.SparseTensor):
        return column
    one_wide = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
    return tf.sparse.to_dense(one_wide)[:, 0]


def columns(**changes):
    values = {
        "context": {"x": OPTIONAL, "y": OPTIONAL},
        "as_context": lambda raw: tf.stack([dense(raw["x"]), dense(raw["y"])], axis=1),
        "key": ("user_id", TEXT),
        "eligible": "eligible_actions",
        "criteria": {"plan": TEXT},
    }
    return Columns(**{**values, **changes})


def exported(place, identity=IDENTITY, policy=None, **changes):
    export(policy or Softmax(), PROBLEM, identity, columns=columns(**changes), directory=str(place))
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("policy") / "1")


def ask(folder, signature, **arguments):
    model = tf.saved_model.load(str(folder))  # held while it answers: the variables are its own
    found = model.signatures[signature](**arguments)
    return {name: value.numpy() for name, value in found.items()}


def typed(n=4, plan="free", **changes):
    values = {
        "user_id": tf.constant([f"u{i}" for i in range(n)], tf.string),
        "plan": tf.fill([n], plan),
        "x": tf.zeros([n]),
        "y": tf.zeros([n]),
        "eligible_actions": tf.ones([n, 3], tf.bool),
    }
    return {**values, **changes}


def example(**values):
    features = {}
    for name, value in values.items():
        listed = value if isinstance(value, list) else [value]
        if listed and isinstance(listed[0], float):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=listed))
        elif listed and isinstance(listed[0], int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=listed))
        else:
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in listed]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


ROWS = [
    example(user_id="a", x=2.0, y=3.0, plan="pro", eligible_actions=["tips", "news", "unknown"]),
    example(user_id="b", y=3.0),
    example(user_id="c", x=9.0, eligible_actions=["unknown"]),
    example(user_id="d", x=2.0, y=9.0, eligible_actions=["tips"]),
]
AS_COLUMNS = {
    "user_id": tf.constant(["a", "b", "c", "d"]),
    "plan": tf.constant(["pro", "", "", ""]),
    "x": tf.constant([2, NAN, 9, 2]),
    "y": tf.constant([3, 3, NAN, 9]),
    "eligible_actions": tf.constant([[True, False, True], [True] * 3, [False] * 3, [False, False, True]]),
}


@pytest.mark.parametrize(("from_examples", "from_columns"), [("serving_default", "raw"), ("eval", "eval_raw")])
def test_examples_and_columns_get_the_same_answer(folder, from_examples, from_columns):
    one, other = ask(folder, from_examples, examples=tf.constant(ROWS)), ask(folder, from_columns, **AS_COLUMNS)
    assert set(one) == {"key", "ranked_actions", "scores", "probabilities", "action", "propensity"}
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    assert one["key"].tolist() == [b"a", b"b", b"c", b"d"]
    np.testing.assert_allclose(one["scores"], [[2, 3, 1], [0, 3, 1], [9, 0, 1], [2, 9, 1]])
    assert one["action"].tolist()[2:] == [-1, 2]


def test_probabilities_are_those_worked_by_hand(folder):
    found = ask(folder, "serving_default", examples=tf.constant(ROWS))
    # row a: softmax of 2 and 1 among two, 0.9 of it and 0.1 / 2; row d has one action, row c none
    high = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(found["probabilities"][0], [0.9 * high + 0.05, 0, 0.9 * (1 - high) + 0.05], rtol=1e-6)
    np.testing.assert_allclose(found["probabilities"][2:], [[0, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(found["propensity"][2:], [0, 1])
    greedy = ask(folder, "eval", examples=tf.constant(ROWS))
    np.testing.assert_allclose(greedy["probabilities"], [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])
    assert greedy["ranked_actions"].tolist() == [[0, 2, -1], [1, 2, 0], [-1, -1, -1], [2, -1, -1]]


@pytest.mark.parametrize("criteria", [Criteria(("plan",)), Criteria(("plan",), {("free",): fixed("deals")}, eval_share=0.3)])
def test_actions_come_as_often_as_their_propensity_says(folder, tmp_path, criteria):
    n = 20000
    copy = shutil.copytree(folder, tmp_path / "copy")
    write_criteria(copy, criteria)
    found = ask(copy, "raw", **typed(n, x=tf.fill([n], 0.5)))
    p = found["probabilities"][0].astype(float)
    np.testing.assert_allclose(found["probabilities"], np.tile(p, (n, 1)), atol=1e-6)
    counts = np.bincount(found["action"], minlength=3)
    assert ((counts - n * p) ** 2 / (n * p)).sum() < 13.8  # 0.999 quantile at 2 degrees of freedom
    np.testing.assert_allclose(found["propensity"], p[found["action"]], atol=1e-6)
    # the weights of importance sampling sum to n, as those of TF-Agents' epsilon-greedy do not
    assert (found["action"] == 2).sum() / p[2] == pytest.approx(n, rel=4 * ((1 - p[2]) / p[2] / n) ** 0.5)


def test_a_row_has_one_answer_in_any_batch_and_a_user_one_draw(folder):
    whole = ask(folder, "raw", **typed(50))
    again = ask(folder, "raw", **{name: value[::-1] for name, value in typed(50).items()})
    part = ask(folder, "raw", **{name: value[17:18] for name, value in typed(50).items()})
    for name, value in whole.items():
        np.testing.assert_array_equal(value, again[name][::-1])
        np.testing.assert_array_equal(value[17:18], part[name])
    twice = ask(folder, "raw", **typed(2, user_id=tf.constant(["u1", "u1"]), x=tf.constant([0.3, 0.3])))
    assert twice["action"][0] == twice["action"][1]


def test_other_seed_or_draw_column_other_draws(folder, tmp_path):
    draw = ("decision_id", NUMBER)
    place = exported(tmp_path / "draw", draw=draw)
    same = typed(300, user_id=tf.fill([300], "u"))
    assert len(set(ask(folder, "raw", **same)["action"])) == 1
    counts = np.bincount(ask(place, "raw", **same, decision_id=tf.range(300, dtype=tf.int64))["action"], minlength=3)
    assert (counts > 30).all()
    other = exported(tmp_path / "seed", Identity(ACTIONS, "p1", floor=0.1, seed=8, criteria_columns=("plan",)))
    assert (ask(other, "raw", **typed(300))["action"] != ask(folder, "raw", **typed(300))["action"]).sum() > 50


def checksums(folder):
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}


def test_serving_obeys_the_criteria_of_one_file(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert read_criteria(copy) == Criteria(("plan",))
    criteria = Criteria(("plan",), {("pro",): EXPLOIT, ("free",): fixed("news"), ("",): fixed("deals")})
    write_criteria(copy, criteria)
    assert read_criteria(copy) == criteria
    before, after = checksums(folder), checksums(copy)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == {str(FILE)}

    plans = ["pro", "free", "", "other"]
    old, new = (
        ask(folder, "raw", **typed(plan="x")),
        ask(copy, "raw", **typed() | {"plan": tf.constant(plans)}),
    )
    # scores 0, 0, 1: exploit takes tips; the floor of 0.1 is over three
    high, low = 0.9 + 0.1 / 3, 0.1 / 3
    np.testing.assert_allclose(new["probabilities"][:3], [[low, low, high], [high, low, low], [low, high, low]], rtol=1e-6)
    np.testing.assert_array_equal(new["probabilities"][3], old["probabilities"][3])
    rows = [example(user_id=f"u{i}", plan=p, x=0.0, y=0.0) if p else example(user_id=f"u{i}") for i, p in enumerate(plans)]
    as_examples = ask(copy, "serving_default", examples=tf.constant(rows))
    for name, value in as_examples.items():
        np.testing.assert_array_equal(value, new[name], err_msg=name)
    greedy = ask(copy, "eval_raw", **typed())
    np.testing.assert_array_equal(greedy["action"], [2, 2, 2, 2])  # the eval policy has no criteria


def test_the_eval_policys_share_of_the_traffic_is_in_the_propensity(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    write_criteria(copy, Criteria(("plan",), eval_share=0.25))
    old, new = ask(folder, "raw", **typed()), ask(copy, "raw", **typed())
    np.testing.assert_allclose(new["probabilities"], 0.75 * old["probabilities"] + [0, 0, 0.25], rtol=1e-6)


def test_without_criteria_or_eligible_column_and_with_a_number_for_a_key(tmp_path):
    identity = Identity(ACTIONS, "p1", fallback="deals")
    place = exported(tmp_path / "plain", identity, eligible=None, criteria={}, key=("user_id", NUMBER))
    arguments = {"user_id": tf.constant([7, 2**60], tf.int64), "x": tf.constant([1.0, 4]), "y": tf.constant([2.0, 1])}
    found = ask(place, "raw", **arguments)
    assert found["key"].tolist() == [7, 2**60]
    assert found["key"].dtype == np.int64
    rows = [example(user_id=7, x=1.0, y=2.0), example(user_id=2**60, x=4.0, y=1.0)]
    for name, value in ask(place, "serving_default", examples=tf.constant(rows)).items():
        np.testing.assert_array_equal(value, found[name])
    nan = ask(place, "raw", **arguments | {"x": tf.constant([float("inf"), 4])})
    # one score is infinite: this action is not taken; the others are
    assert nan["probabilities"][0, 0] == 0
    np.testing.assert_allclose(nan["probabilities"].sum(axis=1), [1, 1], rtol=1e-6)


def test_a_context_of_nan_takes_the_fallback(tmp_path):
    place = exported(tmp_path / "nan", Identity(ACTIONS, "p1", floor=0.2, fallback="deals"), criteria={}, context={
        name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")
    })  # fmt: skip
    arguments = {name: value for name, value in typed(1, x=tf.constant([NAN])).items() if name != "plan"}
    for signature in ("raw", "eval_raw"):
        found = ask(place, signature, **arguments)
        assert np.isnan(found["scores"]).any()
        assert (found["action"].tolist(), found["propensity"].tolist()) == ([1], [1.0])


def test_no_rows_at_all(folder):
    found = ask(folder, "raw", **typed(0))
    assert found["ranked_actions"].shape == (0, 3)
    assert ask(folder, "serving_default", examples=tf.constant([], tf.string))["probabilities"].shape == (0, 3)


class Wrong(Softmax):
    """Gives an action that is not eligible its share, too."""

    def __call__(self, context, eligible):
        return super().__call__(context, tf.ones_like(eligible))


class Transposed(Softmax):
    """Gives float64."""

    def __call__(self, context, eligible):
        choice = super().__call__(context, eligible)
        return choice._replace(scores=tf.cast(choice.scores, tf.float64))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"policy": Wrong()}, UserCodeError, "Wrong: probabilities; received"),
        ({"policy": Transposed()}, UserCodeError, r"scores; received float64 \[16, 3\]; expected float32"),
        ({"criteria": {}}, UserError, "criteria columns; received none; expected plan"),
        ({"identity": Identity(("a", "b", "c"), "p", criteria_columns=("plan",))}, UserError, "actions; received a, b, c"),
        ({"key": ("user_id", OPTIONAL)}, UserError, "'user_id' is key, draw or criteria column; received float32"),
        ({"eligible": "x"}, UserError, "'x' lists the eligible actions"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        exported(tmp_path / "refused", **changes)
    assert not (tmp_path / "refused").exists()


ALONE = """
import sys
for name in ("tensorflow_probability", "tf_agents", "waze_data_tfx", "tf_keras", "keras", "tensorflow_transform", "tfx"):
    sys.modules[name] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["raw"](
    user_id=tf.constant(["u0"]), plan=tf.constant(["pro"]), x=tf.constant([0.0]), y=tf.constant([0.0]),
    eligible_actions=tf.constant([[True, True, True]]),
)
print(answer["key"].numpy()[0].decode(), answer["action"].numpy()[0], answer["propensity"].numpy()[0])
with tf.compat.v1.Session(graph=tf.Graph()) as session:
    loaded = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
    one = loaded.signature_def["serving_default"]
    example = tf.train.Example()
    example.features.feature["user_id"].bytes_list.value.append(b"u0")
    found = session.run(one.outputs["action"].name, {one.inputs["examples"].name: [example.SerializeToString()]})
print(*found)
"""


def test_it_loads_with_tensorflow_alone_in_either_generation_of_loaders(folder):
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(folder)], capture_output=True, text=True, cwd=Path(folder).parent, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = ask(folder, "raw", **typed(1, plan="pro"))
    key, action, propensity = done.stdout.split("\n")[0].split()
    assert (key, int(action)) == ("u0", found["action"][0])
    assert float(propensity) == pytest.approx(float(found["propensity"][0]), rel=1e-6)
    assert int(done.stdout.split("\n")[1]) == found["action"][0]
