"""The environments that the lab plays agents in: the table of them by the name that the config gives, and how one is made.

A new one is a subclass of `base.Environment` (or a function that returns one) and one line here, or stays in the user's files and
is named by its dotted path.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from waze_data_tfx.bandits.registry import check_settings, resolve
from waze_data_tfx.errors import UserError

if TYPE_CHECKING:
    from .base import Environment

ENVIRONMENTS: dict[str, str] = {
    "movielens": "waze_data_tfx.bandits.environments.movielens:movielens",
    "low_rank": "waze_data_tfx.bandits.environments.low_rank:low_rank",
    "classification": "waze_data_tfx.bandits.environments.classification:classification",
    "newsletter": "waze_data_tfx.bandits.environments.newsletter:Newsletter",
}


def make_environment(name: str, settings: Mapping[str, Any]) -> "Environment":
    """Return a new environment.

    Args:
        name: one of ENVIRONMENTS, or `package.module:Class` of the user's own.
        settings: its keyword arguments.

    Raises:
        UserError: an unknown name or setting, or data that cannot be used.
    """
    from .base import Environment

    maker = resolve("environment", name, ENVIRONMENTS)
    check_settings("environment", name, maker, settings)
    made = maker(**settings)
    if not isinstance(made, Environment):
        raise UserError(f"environment '{name}': expected a subclass of Environment; received a {type(made).__name__}")
    return made
