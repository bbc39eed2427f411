"""MovieLens 100K in GroupLens' own format, from a folder that the user names; its licence forbids handing it on.

`u.data` holds one rating per line: user, item, rating and time, with tabs between. Many public copies are altered, so the file is
compared with the original's number of lines and md5, and what differs is a note on every page made from it.
"""

import hashlib
from pathlib import Path

import numpy as np

from waze_data_tfx.bandits.environments.low_rank import factorized
from waze_data_tfx.bandits.environments.table import Table
from waze_data_tfx.errors import DataError, did_you_mean

FILE, TITLES = "u.data", "u.item"
N_LINES, MD5 = 100_000, "6e47046882bad158b0efbb84cd5cb987"
"""Of the u.data in GroupLens' ml-100k.zip."""
WHERE = "get ml-100k.zip from https://grouplens.org/datasets/movielens/100k/ and name its unpacked folder"


def movielens(*, directory: str, n_arms: int = 100, rank: int = 20, noise: float = 0.0, n_eligible: int | None = None) -> Table:
    """Return MovieLens as a bandit: the movies rated most often are the arms, users who rated one of them the contexts.

    What nobody rated counts as 0, as in TF-Agents' environment: the factors have to fill it in.

    Args:
        directory: folder with u.data; titles are read from u.item where that is there.
        n_arms: movies, those with most ratings.
        rank: of the factorization.
        noise: standard deviation of a normal error on every reward.
        n_eligible: so many arms, drawn anew for every decision, can be taken; default: all.

    Raises:
        DataError: there is no u.data, or it cannot be read.
        UserError: sizes that do not fit.
    """
    file = Path(directory) / FILE
    users, items, ratings, note = read(file)
    known, counts = np.unique(items, return_counts=True)
    if n_arms > len(known):
        raise DataError(f"n_arms: received {n_arms}; {file} has {len(known)} movies; expected at most so many")
    kept = known[np.lexsort((known, -counts))][:n_arms]  # of two with as many ratings the lower number
    rows = np.isin(items, kept)
    of_user, user = np.unique(users[rows], return_inverse=True)
    matrix = np.zeros((len(of_user), n_arms))
    column = {item: i for i, item in enumerate(kept.tolist())}
    matrix[user, [column[item] for item in items[rows].tolist()]] = ratings[rows]
    titles = _titles(Path(directory) / TITLES)
    names = [titles.get(item, f"movie {item}") for item in kept.tolist()]
    shape = f"{len(of_user)} users by the {n_arms} movies rated most often, factorized to rank {rank}"
    return factorized(matrix, names, rank=rank, noise=noise, n_eligible=n_eligible, notes=(note, shape))


def read(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return users, items and ratings of every line, [n] each, and whether the file is GroupLens' original.

    Raises:
        DataError: there is no such file, or a line is not four numbers, or one rating is not 1 to 5, or a pair stands twice.
    """
    if not file.is_file():
        beside = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        what = "no such folder" if not file.parent.is_dir() else f"no {FILE} in it{did_you_mean(FILE, beside)}"
        raise DataError(f"directory: {what}; received {file.parent}", hint=WHERE)
    content = file.read_bytes()
    rows = []
    for number, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        parts = line.split("\t")
        if len(parts) != 4 or not all(part.strip().isdigit() for part in parts):
            raise DataError(f"{file}:{number}: expected user, item, rating and time with tabs between; received {line[:60]!r}")
        rows.append([int(part) for part in parts[:3]])
    if not rows:
        raise DataError(f"{file}: holds no rating", hint=WHERE)
    users, items, ratings = np.array(rows).T
    wrong = np.flatnonzero((ratings < 1) | (ratings > 5))
    if len(wrong):
        raise DataError(f"{file}:{wrong[0] + 1}: received rating {ratings[wrong[0]]}; expected 1 to 5")
    pairs, counts = np.unique(np.stack([users, items], 1), axis=0, return_counts=True)
    if (counts > 1).any():
        twice, n_times = pairs[counts > 1][0], counts[counts > 1][0]
        raise DataError(f"{file}: user {twice[0]} has rated item {twice[1]} {n_times} times; expected once")
    return users, items, ratings.astype(float), _provenance(file, len(rows), hashlib.md5(content).hexdigest())


def _provenance(file: Path, n_lines: int, md5: str) -> str:
    if md5 == MD5:
        return f"{file} is GroupLens' original ({N_LINES:,} ratings, md5 {MD5})"
    return (
        f"{file} is NOT GroupLens' original: {n_lines:,} ratings, md5 {md5}; the original has {N_LINES:,}, md5 {MD5}; "
        "numbers made from it are not comparable with others' on MovieLens 100K"
    )


def _titles(file: Path) -> dict[int, str]:
    """Return number -> title of GroupLens' u.item (fields between |, latin-1); none where the file is not there."""
    if not file.is_file():
        return {}
    found = {}
    for number, line in enumerate(file.read_text("latin-1").splitlines(), start=1):
        parts = line.split("|")
        if len(parts) < 2 or not parts[0].isdigit():
            raise DataError(f"{file}:{number}: expected a number and a title with | between; received {line[:60]!r}")
        found[int(parts[0])] = f"{parts[1]} [{parts[0]}]"
    return found
