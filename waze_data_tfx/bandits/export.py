"""The served policies: context, scores, exploration, criteria and draw in one SavedModel, beside the same without exploration.

Five signatures. `serving_default` and `raw` explore and obey the decision criteria; `eval` and `eval_raw` take the best action.
The first of each takes serialized tf.Examples (`examples`, [n]); the other typed columns [n], in which NaN, "" and -2**63 mean
missing, and the eligible actions as bool [n, n_actions]. In an example the eligible column is a list of names: without any value
every action is eligible, and a name that is no action is ignored. All give:

    key             [n], unaltered
    ranked_actions  [n, n_actions] int64: the drawn action, then the other usable ones by falling score, -1 for the rest
    scores          [n, n_actions] float32
    probabilities   [n, n_actions] float32: marginal ones, after floor, criteria and traffic share; `action` was drawn from them
    action          [n] int64; -1 with propensity 0 where nothing is usable and there is no fallback
    propensity      [n] float32: the drawn action's probability

`context` takes serialized tf.Examples, too, and gives `context` [n, context_dim] float32 to the models that judge policies.

The draw is a keyed hash of the row's key (and of the draw column), so that a batch can be reproduced: a user who is twice in a
batch gets the same action twice, unless the draw column differs. Needs TensorFlow to load and nothing of this package. Called by
`training.bandits` and the lab. Imports TensorFlow at the top.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf

from waze_data_tfx.errors import UserCodeError, UserError
from waze_data_tfx.features import raw_columns

from .agents.base import Policy
from .decisions import Problem
from .policies import criteria as rules
from .policies.identity import Identity, write_identity
from .policies.sampling import uniform_draw
from .policies.serving import evaluate, serve

SERVING, RAW, EVAL, EVAL_RAW, CONTEXT = "serving_default", "raw", "eval", "eval_raw", "context"
KEY = "key"
_N_TRIED = 16


@dataclass(frozen=True)
class Columns:
    """What a row consists of. A spec is a tf.io.FixedLenFeature or VarLenFeature of float32, int64 or string.

    Attributes:
        context: raw columns that the context is made of, with their specs.
        as_context: from these columns, as parsing an example gives them, to the context [n, context_dim] float32.
        key: name and spec of the column that passes through unaltered and fixes the draw.
        eligible: name of the column that lists the eligible actions; None if every action always is.
        draw: name and spec of a column that sets the draws of one key apart, such as the decision's id.
        criteria: columns whose values name a slice of the decision criteria, with their specs, in order.
        resources: whatever `as_context` needs that must be saved too, such as the loaded transform graph.
    """

    context: Mapping[str, Any]
    as_context: Callable[[Mapping[str, Any]], Any]
    key: tuple[str, Any]
    eligible: str | None = None
    draw: tuple[str, Any] | None = None
    criteria: Mapping[str, Any] = field(default_factory=dict)
    resources: Any = None

    @property
    def scalars(self) -> dict[str, Any]:
        """Return the columns of which one value is used as it is."""
        return dict([self.key, *([self.draw] if self.draw else [])]) | dict(self.criteria)


class _Answer(Protocol):
    def __call__(self, context: Any, eligible: Any, scalars: Mapping[str, Any]) -> dict[str, Any]: ...


def export(policy: Policy, problem: Problem, identity: Identity, *, columns: Columns, directory: str) -> None:
    """Write the SavedModel, with criteria by which every row explores.

    Raises:
        UserError: identity, problem and columns do not fit together.
        UserCodeError: the policy's scores or probabilities are not what `Policy` promises.
    """
    _check(problem, identity, columns)
    check_policy(policy, problem)
    first = rules.Criteria(identity.criteria_columns)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / rules.FILE.name
        file.write_text(rules.as_text(first, identity), encoding="utf-8")
        module = _Module(policy, identity, columns, file)
        tf.saved_model.save(module, directory, signatures=module.signatures())
    write_identity(Path(directory), identity)
    if (Path(directory) / rules.FILE).read_text(encoding="utf-8") != rules.as_text(first, identity):
        raise UserError(f"{directory}: another asset is called {rules.FILE.name}; expected none", hint="rename that vocabulary")


def check_policy(policy: Policy, problem: Problem) -> None:
    """Ask a policy about a few contexts and refuse answers that could not be served.

    Raises:
        UserCodeError: a shape or type is wrong, an action that is not eligible has probability, or a row does not sum to 1.
    """
    random = tf.random.Generator.from_seed(0)
    context = random.normal([_N_TRIED, problem.context_dim])
    eligible = tf.concat([random.uniform([_N_TRIED - 1, problem.n_actions]) < 0.5, tf.zeros([1, problem.n_actions], tf.bool)], 0)
    choice = policy(context, eligible)
    who, shape = type(policy).__name__, [_N_TRIED, problem.n_actions]
    for name, value in choice._asdict().items():
        if value.dtype != tf.float32 or value.shape.as_list() != shape:
            received = f"{value.dtype.name} {value.shape.as_list()}"
            raise UserCodeError(f"{who}: {name}; received {received}; expected float32 {shape}, [n, n_actions]")
    # An action without a finite score may have lost its share to the others, or a whole row with none may be 0.
    finite = tf.logical_and(eligible, tf.math.is_finite(choice.scores))
    total = tf.reduce_sum(tf.where(finite, choice.probabilities, 0.0), axis=1)
    expected = tf.cast(tf.reduce_any(finite, axis=1), tf.float32)
    outside = tf.reduce_any(tf.logical_and(tf.logical_not(eligible), choice.probabilities != 0))
    wrong = tf.logical_not(tf.abs(total - expected) < 1e-3)  # also a NaN is wrong
    if outside or tf.reduce_any(wrong) or tf.reduce_any(choice.probabilities < 0):
        row = int(tf.argmax(tf.cast(wrong, tf.int32)))
        raise UserCodeError(
            f"{who}: probabilities; received {choice.probabilities[row].numpy()} with eligible {eligible[row].numpy()}; "
            "expected none below 0, 0 where not eligible, and a sum of 1 (0 where nothing is eligible)"
        )


class _Module(tf.Module):
    """The policy and all that its signatures hold."""

    def __init__(self, policy: Policy, identity: Identity, columns: Columns, criteria_file: Path) -> None:
        super().__init__()
        self._policy, self._resources = policy, columns.resources
        lookup = tf.lookup
        keys = lookup.KeyValueTensorInitializer(tf.constant(identity.actions), tf.range(len(identity.actions), dtype=tf.int64))
        self._numbers = lookup.StaticHashTable(keys, -1)
        lines = lookup.TextFileInitializer(str(criteria_file), tf.string, 0, tf.int64, 1, delimiter="\t")
        self._codes = lookup.StaticHashTable(lines, rules.NO_CODE)
        self._identity, self._columns = identity, columns
        self._fallback = None if identity.fallback is None else identity.number(identity.fallback)

    def signatures(self) -> dict[str, Any]:
        return {
            SERVING: self._from_examples(self._serve),
            RAW: self._from_columns(self._serve),
            EVAL: self._from_examples(self._evaluate),
            EVAL_RAW: self._from_columns(self._evaluate),
            CONTEXT: self._contexts(),
        }

    def _serve(self, context: Any, eligible: Any, scalars: Mapping[str, Any]) -> dict[str, Any]:
        identity = self._identity
        seeding = [_text(scalars[name]) for name, _ in (self._columns.key, self._columns.draw or ("", None)) if name]
        return serve(
            self._policy(context, eligible),
            eligible,
            draw=uniform_draw(_joined(seeding, "\x1f"), f"{identity.policy_id}\x1f{identity.seed}"),
            code=self._code(scalars),
            eval_share=tf.cast(self._codes.lookup(tf.constant(rules.SHARE_KEY)), tf.float32) / 1000,
            floor=identity.floor,
            fallback=self._fallback,
        )

    def _evaluate(self, context: Any, eligible: Any, scalars: Mapping[str, Any]) -> dict[str, Any]:
        del scalars
        return evaluate(self._policy(context, eligible), eligible, fallback=self._fallback)

    def _code(self, scalars: Mapping[str, Any]) -> Any:
        """Return the code of every row's slice, [n] int64, or of all rows, []."""
        default = self._codes.lookup(tf.constant(rules.DEFAULT_KEY))
        if not self._columns.criteria:
            return default
        code = self._codes.lookup(_joined([_text(scalars[name]) for name in self._columns.criteria], rules.SEPARATOR))
        return tf.where(code == rules.NO_CODE, default, code)

    def _from_examples(self, answer: _Answer) -> Any:
        columns, names = self._columns, [self._columns.eligible] if self._columns.eligible else []
        specs = {**columns.context, **{name: tf.io.VarLenFeature(tf.string) for name in names}}

        def function(examples: Any) -> dict[str, Any]:
            parsed, scalars = raw_columns.parse(examples, specs, columns.scalars)
            n = tf.size(examples, tf.int64)
            eligible = self._listed(parsed[columns.eligible], n) if columns.eligible else self._all(n)
            return self._keyed(answer, {name: parsed[name] for name in columns.context}, eligible, scalars)

        return raw_columns.concrete_of_examples(function)

    def _contexts(self) -> Any:
        def function(examples: Any) -> dict[str, Any]:
            parsed, scalars = raw_columns.parse(examples, self._columns.context, dict([self._columns.key]))
            return {KEY: scalars[self._columns.key[0]], CONTEXT: self._columns.as_context(parsed)}

        return raw_columns.concrete_of_examples(function)

    def _from_columns(self, answer: _Answer) -> Any:
        columns, n_actions = self._columns, len(self._identity.actions)
        mask = [(columns.eligible, tf.bool, [None, n_actions])] if columns.eligible else []

        def function(typed: Mapping[str, Any]) -> dict[str, Any]:
            parsed = {name: raw_columns.as_parsed(typed[name], spec) for name, spec in columns.context.items()}
            scalars = {name: typed[name] for name in columns.scalars}
            n = tf.size(scalars[columns.key[0]], tf.int64)
            eligible = typed[columns.eligible] if columns.eligible else self._all(n)
            return self._keyed(answer, parsed, eligible, scalars)

        return raw_columns.concrete(function, raw_columns.typed_signature({**columns.context, **columns.scalars}, mask))

    def _keyed(self, answer: _Answer, parsed: Mapping[str, Any], eligible: Any, scalars: Mapping[str, Any]) -> dict[str, Any]:
        outputs = answer(self._columns.as_context(parsed), eligible, scalars)
        return {KEY: tf.identity(scalars[self._columns.key[0]]), **outputs}

    def _listed(self, names: Any, n: Any) -> Any:
        """Return the mask [n, n_actions] of names listed per row (sparse); a row without any has all."""
        n_actions = len(self._identity.actions)
        rows, numbers = names.indices[:, 0], self._numbers.lookup(names.values)
        known = tf.where(numbers >= 0)[:, 0]
        cells = tf.stack([tf.gather(rows, known), tf.gather(numbers, known)], axis=1)
        shape = tf.stack([n, tf.constant(n_actions, tf.int64)])
        listed = tf.scatter_nd(cells, tf.ones_like(known, tf.int32), shape) > 0
        some = tf.math.unsorted_segment_max(tf.ones_like(rows, tf.int32), rows, n) > 0
        return tf.ensure_shape(tf.logical_or(listed, tf.logical_not(some)[:, None]), [None, n_actions])

    def _all(self, n: Any) -> Any:
        return tf.ones(tf.stack([n, len(self._identity.actions)]), tf.bool)


def _text(values: Any) -> Any:
    """Return a column as text, "" where it is missing."""
    if values.dtype == tf.string:
        return values
    return tf.where(values != values.dtype.min, tf.strings.as_string(values), "")


def _joined(texts: list[Any], separator: str) -> Any:
    return texts[0] if len(texts) == 1 else tf.strings.join(texts, separator)


def _check(problem: Problem, identity: Identity, columns: Columns) -> None:
    if problem.actions != identity.actions:
        raise UserError(f"export: actions; received {', '.join(identity.actions)}; expected {', '.join(problem.actions)}")
    if tuple(columns.criteria) != identity.criteria_columns:
        expected = ", ".join(identity.criteria_columns) or "none"
        raise UserError(f"export: criteria columns; received {', '.join(columns.criteria) or 'none'}; expected {expected}")
    for name, spec in columns.scalars.items():
        if spec.dtype not in (tf.string, tf.int64):
            raise UserError(
                f"export: column '{name}' is key, draw or criteria column; received {spec.dtype.name}; expected string or int64"
            )
    if columns.eligible in {*columns.context, *columns.scalars}:
        raise UserError(f"export: column '{columns.eligible}' lists the eligible actions; received it as another column, too")
