"""Hypothesis strategies for rows of a config: what its data holds, and what it might.

Types come from the config; domains, ranges and required columns from the schema, if the config names one. Used in
users' tests; imports Hypothesis, and neither TensorFlow nor pandas. Never reads data.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..config import load
from ..config.schema import Config
from ..config.section import ColumnType
from ..errors import UserError

Values = Literal["any", "valid"]
INT64 = 2**63 - 1
EXTREME_FLOATS = (0.0, -1.0, 1e-30, 1e30, -1e30, float("nan"), float("inf"), float("-inf"))
UNSEEN_TEXTS = ("", "unseen value", "é ü 漢", " ", "a|b|c", "0", "x" * 1000)


def row(config_path: str | Path, *, values: Values = "any") -> Any:
    """Return a strategy for one row: column -> value or None, of the config's feature columns.

    Args:
        config_path: the pipeline's YAML file.
        values: "any": what a client might send: also missing, empty, unseen, extreme, NaN and infinite; "valid": only what the
            schema lets through (without a schema: plain values of the column's type).

    Raises:
        UserError: Hypothesis is not installed.
    """
    st = _hypothesis()
    config = load(config_path).config
    known = _schema(config)
    types = config.features.column_types()
    return st.fixed_dictionaries({name: _column(st, name, kind, known, config, values) for name, kind in types.items()})


def rows(config_path: str | Path, *, values: Values = "any", min_size: int = 1, max_size: int = 50) -> Any:
    """Return a strategy for a list of rows: draw many, so that one analysis serves them all.

    Raises:
        UserError: Hypothesis is not installed.
    """
    return _hypothesis().lists(row(config_path, values=values), min_size=min_size, max_size=max_size)


def slow(max_examples: int = 5) -> Any:
    """Return Hypothesis settings for tests that take a second per example: few, no deadline, no database and no shrinking.

    Shrinking would try hundreds of examples more; the message names feature and row, and Hypothesis prints the rows.

    Raises:
        UserError: Hypothesis is not installed.
    """
    _hypothesis()
    from hypothesis import HealthCheck, Phase, settings

    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=checks,
    )


def _hypothesis() -> Any:
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise UserError("testing.strategies needs Hypothesis", hint="pip install hypothesis") from error
    return strategies


def _column(st: Any, name: str, kind: ColumnType, known: Mapping[str, Any], config: Config, values: Values) -> Any:
    feature = known.get(name)
    inside = {"float": _floats, "int": _ints, "string": _texts}[kind](st, name, feature, config)
    if values == "any":
        outside = {
            "float": st.sampled_from(EXTREME_FLOATS),
            "int": st.sampled_from((-1, 0, 10**6, INT64, -INT64)),
            "string": st.sampled_from(UNSEEN_TEXTS) | st.text(max_size=20),
        }[kind]
        return st.none() | inside | outside
    required = feature is not None and (feature.presence.min_fraction == 1 or feature.HasField("shape"))
    return inside if required else st.none() | inside


def _floats(st: Any, name: str, feature: Any, config: Config) -> Any:
    domain = feature.float_domain if feature is not None and feature.HasField("float_domain") else None
    low = domain.min if domain is not None and domain.HasField("min") else -1e6
    high = domain.max if domain is not None and domain.HasField("max") else 1e6
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def _ints(st: Any, name: str, feature: Any, config: Config) -> Any:
    domain = feature.int_domain if feature is not None and feature.HasField("int_domain") else None
    size = config.features.category[name].size if name in config.features.category else 1000
    low = domain.min if domain is not None and domain.HasField("min") else 0
    high = domain.max if domain is not None and domain.HasField("max") else size - 1
    return st.integers(low, high)


def _texts(st: Any, name: str, feature: Any, config: Config) -> Any:
    values = list(feature.string_domain.value) if feature is not None and feature.HasField("string_domain") else []
    return st.sampled_from(values) if values else st.sampled_from(["a", "b", "c"]) | st.text(min_size=1, max_size=10)


def _schema(config: Config) -> dict[str, Any]:
    """Return the schema's features by name, with shared string domains filled in."""
    if config.schema_.file is None:
        return {}
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = text_format.Parse(config.schema_.file.read_text("utf-8"), schema_pb2.Schema())
    shared = {domain.name: domain for domain in schema.string_domain}
    for feature in schema.feature:
        if feature.HasField("domain") and feature.domain in shared:
            feature.string_domain.CopyFrom(shared[feature.domain])
    return {feature.name: feature for feature in schema.feature}
