"""How a name of the config becomes a class or function: out of a literal table, or by the dotted path of the user's own.

Called by the tables of agents and of environments. Imports a module only when it is asked for; knows none of them itself.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from waze_data_tfx.errors import UserCodeError, UserError, unknown_name
from waze_data_tfx.usercode import said


def resolve(what: str, name: str, table: Mapping[str, str]) -> Any:
    """Return what a name stands for.

    Args:
        what: what it is, for messages: agent, environment.
        name: one of the table's, or `package.module:Class`.
        table: name -> `module:attribute`.

    Raises:
        UserError: the table does not hold the name, or the user's module has no such attribute.
        UserCodeError: the user's module cannot be imported.
    """
    own = ":" in name or "." in name
    if not own and name not in table:
        raise UserError(unknown_name(what, name, table), hint="take one of these, or a class of yours: package.module:Class")
    module_name, _, attribute = (name if own else table[name]).replace(":", ".").rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:
        if not own:
            raise
        raise UserCodeError(f"{what} '{name}': importing {module_name} raised {said(error)}") from error
    found = getattr(module, attribute, None)
    if not callable(found):
        known = [n for n, v in vars(module).items() if inspect.isclass(v) and v.__module__ == module.__name__]
        raise UserError(f"{what} '{name}': {module_name}: {unknown_name('class', attribute, known)}")
    return found


def check_settings(what: str, name: str, maker: Any, settings: Mapping[str, Any]) -> None:
    """Check that what a name stands for takes these settings as keyword arguments.

    Raises:
        UserError: it does not know one of them, or lacks one that it needs.
    """
    parameters = inspect.signature(maker).parameters.values()
    known = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for key in settings:
            if key not in known:
                raise UserError(f"{what} '{name}': {unknown_name('setting', key, known)}")
    missing = [key for key, p in known.items() if p.default is p.empty and key not in settings]
    if missing:
        raise UserError(f"{what} '{name}': setting '{missing[0]}' is required and missing; received {sorted(settings) or 'none'}")
