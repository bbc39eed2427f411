"""Settings of classes, labels and weights that do not fit each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from waze_data_tfx.config.schema import Config, Inconsistent

BINARY, MULTI_CLASS, MULTI_LABEL = "binary_classification", "multiclass_classification", "multilabel_classification"


def values_of(task: str, **values: Any) -> dict[str, Any]:
    metric = {"regression": "mae", MULTI_CLASS: "accuracy"}.get(task, "auc")
    return {
        "name": "t",
        "task": task,
        "label": "y",
        "data": {"input": "x.csv"},
        "features": {"dense": ["x"], "vocabulary": {"city": {}}},
        "evaluation": {"metrics": [{"name": metric, "lower_bound": 0}]},
        **values,
    }


@pytest.mark.parametrize(
    ("task", "values", "key", "what"),
    [
        ("regression", {"classes": ["a", "b"]}, "classes", "a regression has none"),
        ("regression", {"n_classes": 3}, "n_classes", "only a multi-class or multi-label label has it; received 3"),
        (BINARY, {"classes": ["a", "b", "c"]}, "classes", "has 2, the second is the positive one; received 3"),
        (BINARY, {"n_classes": 3}, "n_classes", "only a multi-class or multi-label label has it; received 3"),
        (MULTI_CLASS, {"n_classes": 2}, "n_classes", "two classes are task binary_classification"),
        (MULTI_CLASS, {"classes": ["a", "b"]}, "classes", "two classes are task binary_classification"),
        (MULTI_CLASS, {"classes": ["a", "b", "c"], "n_classes": 4}, "n_classes", "received 4, and 3 names under classes"),
        (MULTI_CLASS, {"classes": ["a", "b", "a"]}, "classes.2", "'a' stands twice"),
        (MULTI_CLASS, {"classes": ["a", "b ", "c"]}, "classes.1", "received 'b ' with blanks around it"),
        (MULTI_LABEL, {}, "n_classes", "is required for task multilabel_classification, unless `classes` names them"),
        (MULTI_LABEL, {"classes": ["a|b", "c"]}, "classes.0", "'a|b' holds the label_separator '|'"),
        (MULTI_CLASS, {"n_classes": 3, "label_empty": "no_class"}, "label_empty", "only task multilabel_classification reads it"),
        (BINARY, {"weight": "y"}, "weight", "'y' is the label; expected another column"),
        (BINARY, {"weight": "id", "key": "id"}, "weight", "'id' is the key; expected another column"),
        (BINARY, {"weight": "city"}, "weight", "'city' is read as string by a feature"),
        (BINARY, {"weight": "x"}, "features.dense.x", "makes the output 'x', and so does weight"),
        ("regression", {"training": {"class_weights": "balanced"}}, "training.class_weights", "has no single class per row"),
        (
            MULTI_LABEL,
            {"n_classes": 3, "training": {"class_weights": {0: 1}}},
            "training.class_weights",
            "no single class per row",
        ),
        (
            BINARY,
            {"classes": ["no", "yes"], "training": {"class_weights": {"yess": 2}}},
            "training.class_weights.yess",
            "unknown class 'yess'; known: no, yes; did you mean 'yes'?",
        ),
        (BINARY, {"training": {"class_weights": {0: 0, 1: 0}}}, "training.class_weights", "every class weighs 0"),
    ],
)
def test_what_does_not_fit(task: str, values: dict[str, Any], key: str, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(values_of(task, **values))
    inner = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(inner, Inconsistent)
    assert [k for k, _ in inner.problems] == [key]
    assert what in inner.problems[0][1]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"classes": [True, False]}, "true and false are no names here; put them in quotes"),
        ({"training": {"class_weights": "balance"}}, "expected balanced, or {class: weight}"),
        ({"training": {"class_weights": {0: -1}}}, "class 0: expected a number of 0 or more, received -1"),
    ],
)
def test_values_that_are_refused(values: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Config.model_validate(values_of(BINARY, **values))


def test_n_classes_follows_the_names_and_survives_json() -> None:
    config = Config.model_validate(values_of(MULTI_CLASS, classes=[1, 2, 5], weight="w", training={"class_weights": {5: 2}}))
    assert (config.n_classes, config.class_names, config.classes) == (3, ("1", "2", "5"), ("1", "2", "5"))
    assert config.training.class_weights == {"5": 2.0}
    assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config
    assert {n: config.column_types()[n] for n in ("y", "w")} == {"y": "int", "w": "float"}
    assert config.file_types()["y"] == "string"


def test_classes_without_names_are_called_by_their_numbers() -> None:
    assert Config.model_validate(values_of(BINARY)).class_names == ("0", "1")
    assert Config.model_validate(values_of(MULTI_LABEL, n_classes=3)).class_names == ("0", "1", "2")
    assert Config.model_validate(values_of("regression")).class_names == ()
    assert Config.model_validate(values_of(BINARY)).file_types()["y"] == "int"


def test_a_slice_by_a_multi_label_label_is_refused() -> None:
    evaluation = {"metrics": [{"name": "auc", "lower_bound": 0}], "slices": ["y"]}
    with pytest.raises(ValidationError, match="'y' holds several classes per row; slice by another column"):
        Config.model_validate(values_of(MULTI_LABEL, n_classes=3, evaluation=evaluation))
