"""Which settings of the label, its classes and the weights, each valid, do not fit each other.

Called by `consistency`. Never reads a file; whether the rows hold these classes is for ExampleGen.
"""

from collections.abc import Iterator

from ..errors import unknown_name
from .schema import Config

Problem = tuple[str, str]


def label_problems(config: Config) -> Iterator[Problem]:
    """Yield (dotted key, what is wrong) of the classes, the label's separator and the weights."""
    yield from _class_problems(config)
    yield from _separator_problems(config)
    yield from _weight_problems(config)
    yield from _class_weight_problems(config)


def _class_problems(config: Config) -> Iterator[Problem]:
    several = config.task in ("multiclass_classification", "multilabel_classification")
    if several and config.n_classes is None:
        yield "n_classes", f"is required for task {config.task}, unless `classes` names them"
    if config.n_classes not in (None, 2 if config.task == "binary_classification" else None) and not several:
        yield "n_classes", f"only a multi-class or multi-label label has it; received {config.n_classes} and task {config.task}"
    if config.task == "multiclass_classification" and config.n_classes == 2:
        yield "classes" if config.classes else "n_classes", "received 2; two classes are task binary_classification"
    if config.classes is None:
        return
    n, task = len(config.classes), config.task
    if task == "regression":
        yield "classes", "a regression has none; expected a classification task, or no classes"
    elif task == "binary_classification" and n != 2:
        yield "classes", f"task binary_classification has 2, the second is the positive one; received {n}"
    elif task == "multilabel_classification" and n == 1:
        yield "classes", "received 1; one class, there or not, is task binary_classification"
    elif several and config.n_classes is not None and config.n_classes != n:
        yield "n_classes", f"received {config.n_classes}, and {n} names under classes; leave n_classes out"
    for i, name in enumerate(config.classes):
        if name in config.classes[:i]:
            yield f"classes.{i}", f"'{name}' stands twice; expected each class once"
        if name != name.strip():
            yield f"classes.{i}", f"received '{name}' with blanks around it, which the labels are read without"


def _separator_problems(config: Config) -> Iterator[Problem]:
    for key in ("label_separator", "label_empty"):
        default = type(config).model_fields[key].default
        if config.task != "multilabel_classification" and getattr(config, key) != default:
            yield key, f"only task multilabel_classification reads it; received task {config.task}"
    if config.task == "multilabel_classification":
        for i, name in enumerate(config.classes or ()):
            if config.label_separator in name:
                yield f"classes.{i}", f"'{name}' holds the label_separator '{config.label_separator}'; give another separator"


def _weight_problems(config: Config) -> Iterator[Problem]:
    if config.weight is None:
        return
    if config.weight in (config.label, config.key):
        yield "weight", f"'{config.weight}' is the {'label' if config.weight == config.label else 'key'}; expected another column"
    elif config.column_types()[config.weight] == "string":
        yield "weight", f"'{config.weight}' is read as string by a feature; a weight is a number of 0 or more"


def _class_weight_problems(config: Config) -> Iterator[Problem]:
    weights = config.training.class_weights
    if weights is None:
        return
    if config.task not in ("binary_classification", "multiclass_classification"):
        yield (
            "training.class_weights",
            f"task {config.task} has no single class per row; expected binary_classification or multiclass_classification",
        )
    elif weights != "balanced":
        for name in (n for n in weights if n not in config.class_names):
            yield f"training.class_weights.{name}", unknown_name("class", name, config.class_names)
        if all(weights.get(name, 1.0) == 0 for name in config.class_names):
            yield "training.class_weights", "every class weighs 0; expected one that weighs more"
