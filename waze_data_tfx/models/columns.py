"""Which of the transform's outputs go into which part of a ready-made model: the config's choice, or the default.

Called by `ready_made`. Knows names only. Imports nothing heavy.
"""

from collections.abc import Iterable

from waze_data_tfx.config import names
from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import UserError, unknown_name
from waze_data_tfx.features.inputs import ModelInput

Named = dict[str, ModelInput]


def columns_of(inputs: Named, config: Config) -> dict[str, Named]:
    """Return the column arguments of the model type's builder: argument name -> inputs.

    Raises:
        UserError: no inputs, an output that is not among them, or a part that has none.
    """
    model = config.model
    if not inputs:
        raise UserError("model: received no input; expected at least one feature")
    match model.type:
        case "linear":
            return {"wide_columns": _chosen("wide_columns", model.wide_columns, inputs, inputs)}
        case "wide_deep":
            wide = _chosen("wide_columns", model.wide_columns, inputs, _wide(inputs, config))
            return {"wide_columns": wide, "deep_columns": _chosen("deep_columns", model.deep_columns, inputs, inputs)}
        case "two_tower":
            assert model.towers is not None
            towers = {"query": model.towers.query, "candidate": model.towers.candidate}
            return {f"{name}_columns": _chosen(f"towers.{name}", chosen, inputs, ()) for name, chosen in towers.items()}
        case "rnn" | "cnn":
            found = [name for name in names.sequences(config.features) if name in inputs]
            sequences = _chosen("sequence_columns", model.sequence_columns, inputs, found)
            rest = [name for name in inputs if name not in sequences and name not in found]
            return {
                "sequence_columns": sequences,
                "deep_columns": _chosen("deep_columns", model.deep_columns, inputs, rest) if model.deep_columns or rest else {},
            }
    return {"deep_columns": _chosen("deep_columns", model.deep_columns, inputs, inputs)}


def _wide(inputs: Named, config: Config) -> list[str]:
    """Return every id and one-hot output; a sequence is neither."""
    sequences = names.sequences(config.features)
    one_hot = {f"{name}_category" for name in config.features.category}
    return [name for name, x in inputs.items() if (x.kind == "id" and name not in sequences) or name in one_hot]


def _chosen(key: str, chosen: Iterable[str] | None, inputs: Named, default: Iterable[str]) -> Named:
    wanted = list(default if chosen is None else chosen)
    for name in wanted:
        if name not in inputs:
            raise UserError(f"model.{key}: {unknown_name('output', name, inputs)}")
    if not wanted:
        raise UserError(
            f"model.{key}: no output fits; known: {', '.join(inputs)}", hint=f"name the outputs that you mean under model.{key}"
        )
    return {name: inputs[name] for name in wanted}
