"""The label column as a file holds it, turned into what an example holds: a number, the number of a class, or a 0/1 per class.

Called by QueryExampleGen for every batch, after the rules, and by `testing` for a row. Vectorised; pyarrow and numpy are imported
inside the functions. Never refuses a batch: it counts what it cannot use, and `query_example_gen.logic` says so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waze_data_tfx.config.schema import Config
from waze_data_tfx.errors import DataError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Labels:
    """The labels of one batch.

    Attributes:
        values: [n] double or int64, or [n] list of n_classes int64; null where there is no usable label.
        n_missing: rows without a label.
        unknown: rows by a text that is no class.
    """

    values: "pa.Array"
    n_missing: int
    unknown: dict[str, int]


class LabelEncoder:
    """Knows the label's column and classes; can be pickled."""

    def __init__(self, config: Config) -> None:
        """Read task, label, classes, n_classes, label_separator and label_empty."""
        self.column = config.label
        self._task, self._names, self._separator = config.task, config.class_names, config.label_separator
        self._reads_text = config.file_types()[config.label] == "string"
        self._empty_is_no_class = config.label_empty == "no_class"

    @property
    def hint(self) -> str:
        """Return the next step where a label does not parse."""
        if not self._names:
            return "mend the row; a label of text is a classification with `classes`"
        return "mend the row; where the label is text, name its classes, such as `classes: [no, yes]`"

    def encode(self, column: "pa.Array") -> Labels:
        """Return the labels of a column parsed by `config.file_types()`: double, int64 or large_string [n]."""
        if not self._reads_text:
            return Labels(column, column.null_count, {})
        return self._several(column) if self._task == "multilabel_classification" else self._one(column)

    def count(self, values: "pa.Array") -> dict[str, int]:
        """Return how many rows have each class, from `Labels.values`; nothing for a regression."""
        import numpy as np

        if not self._names:
            return {}
        if self._task == "multilabel_classification":
            present = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(self._names)).sum(axis=0)
        else:
            numbers = values.drop_null().to_numpy(zero_copy_only=False)
            present = np.bincount(numbers[(numbers >= 0) & (numbers < len(self._names))], minlength=len(self._names))
        return {name: int(n) for name, n in zip(self._names, present, strict=True)}

    def _one(self, column: "pa.Array") -> Labels:
        import pyarrow.compute as pc

        numbers = self._numbers(column)
        unknown = column.filter(pc.and_(pc.is_valid(column), pc.is_null(numbers)))
        return Labels(numbers, column.null_count, _counted(unknown))

    def _several(self, column: "pa.Array") -> Labels:
        """Return a 0/1 per class for texts such as `a|b`; a row with an unknown part is counted once per part."""
        import numpy as np
        import pyarrow.compute as pc

        parts = pc.split_pattern(column, self._separator)
        texts, rows = pc.utf8_trim_whitespace(parts.flatten()), pc.list_parent_indices(parts)
        given = pc.not_equal(texts, "")
        texts, rows = texts.filter(given), rows.filter(given)
        numbers = self._numbers(texts)
        known = pc.is_valid(numbers)
        matrix = np.zeros((len(column), len(self._names)), np.int64)
        matrix[rows.filter(known).to_numpy(), numbers.filter(known).to_numpy()] = 1
        return Labels(self._lists(matrix, column), self._n_missing(column), _counted(texts.filter(pc.invert(known))))

    def _n_missing(self, column: "pa.Array") -> int:
        return 0 if self._empty_is_no_class else column.null_count

    def _lists(self, matrix: "np.ndarray", column: "pa.Array") -> "pa.Array":
        """Return the rows [n, n_classes] as [n] list, null where the label is missing."""
        import numpy as np
        import pyarrow as pa

        missing = np.zeros(len(column), bool)
        if not self._empty_is_no_class:
            missing = column.is_null().to_numpy(zero_copy_only=False)
        ends = np.concatenate([[0], np.cumsum(np.where(missing, 0, len(self._names)))]).astype(np.int64)
        return pa.LargeListArray.from_arrays(
            pa.array(ends, mask=np.append(missing, False)), pa.array(matrix[~missing].reshape(-1))
        )

    def _numbers(self, texts: "pa.Array") -> "pa.Array":
        """Return each text's class [n] int64, null where it is none.

        A text is the name of a class. Where no name is a whole number, it may also be the number of a class, 0..n-1. Numbers may
        be written as pandas writes them beside a missing value: `1.0`.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        spelled = {name: i for i, name in enumerate(self._names)}
        if not any(map(_is_whole, self._names)):
            spelled |= {str(i): i for i in range(len(self._names))}
        spelled = {f"{text}.0": i for text, i in spelled.items() if _is_whole(text)} | spelled
        known = pa.array(list(spelled), texts.type)
        found = pc.index_in(pc.utf8_trim_whitespace(texts), value_set=known)
        return pa.array(list(spelled.values()), pa.int64()).take(found)


def example_label(value: Any, config: Config) -> list[Any]:
    """Return one label, given as in a file, as the values that an example holds; None becomes one that fits.

    Raises:
        DataError: it is no class.
    """
    import pyarrow as pa

    if not config.class_names:
        return [float(value or 0)]
    if value is None:
        return [0] * (len(config.class_names) if config.task == "multilabel_classification" else 1)
    if config.file_types()[config.label] != "string":
        return [int(value)]
    labels = LabelEncoder(config).encode(pa.array([str(value)], pa.large_string()))
    if labels.unknown:
        raise DataError(f"label '{config.label}': {unknown_name('class', next(iter(labels.unknown)), config.class_names)}")
    [encoded] = labels.values.to_pylist()
    return encoded if isinstance(encoded, list) else [encoded]


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _counted(texts: "pa.Array") -> dict[str, int]:
    counts = texts.value_counts()
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))
