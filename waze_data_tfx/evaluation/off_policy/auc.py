"""The area under the ROC curve of a score, from counts that can be added up.

Called by `evidence`. Imports nothing heavy.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_BITS_LEFT = 12
"""Scores are told apart by 20 of a float32's bits, a relative 0.05%; nearer ones count as ties, that is half."""


@dataclass(frozen=True)
class Ranks:
    """How many rows of each kind have which score.

    Attributes:
        codes: scores in rising order as 20 bits, [m] uint32.
        counts: rows that are not positive and rows that are, [m, 2] int64.
    """

    codes: np.ndarray
    counts: np.ndarray

    @classmethod
    def empty(cls) -> "Ranks":
        """Return the counts of no rows."""
        return cls(np.zeros(0, np.uint32), np.zeros((0, 2), np.int64))

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray) -> "Ranks":
        """Count rows by score [n] and whether they are positive [n]."""
        bits = (np.asarray(scores, np.float32) + np.float32(0)).view(np.uint32)  # adding 0 makes -0 the same as 0
        ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)) >> _BITS_LEFT
        return cls(ordered, np.stack([~positive, positive], axis=1).astype(np.int64))._grouped()

    def __add__(self, other: "Ranks") -> "Ranks":
        """Return the counts of both's rows."""
        return Ranks(np.concatenate([self.codes, other.codes]), np.concatenate([self.counts, other.counts]))._grouped()

    def area(self) -> float | None:
        """Return the area: how often a positive row has the higher score of two, a tie being half; None without both kinds."""
        negative, positive = self.counts.sum(axis=0).tolist()
        if not negative or not positive:
            return None
        below = np.cumsum(self.counts[:, 0]) - self.counts[:, 0]
        return float((self.counts[:, 1] * (below + self.counts[:, 0] / 2)).sum() / (negative * positive))

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return Hanley and McNeil's interval (1982, https://doi.org/10.1148/radiology.143.1.7063747); None without an area."""
        area = self.area()
        if area is None:
            return None
        negative, positive = self.counts.sum(axis=0).tolist()
        of_positives, of_negatives = area / (2 - area), 2 * area**2 / (1 + area)
        variance = area * (1 - area) + (positive - 1) * (of_positives - area**2) + (negative - 1) * (of_negatives - area**2)
        reach = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(max(variance, 0.0) / (negative * positive))
        return max(area - reach, 0.0), min(area + reach, 1.0)

    def _grouped(self) -> "Ranks":
        codes, places = np.unique(self.codes, return_inverse=True)
        counts = np.zeros((len(codes), 2), np.int64)
        np.add.at(counts, places, self.counts)
        return Ranks(codes, counts)
