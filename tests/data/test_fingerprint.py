"""The fingerprint follows the content and nothing else."""

import json
import os

import pytest

from waze_data_tfx.data.fingerprint import fingerprint
from waze_data_tfx.errors import DataError


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_order_and_folder_do_not_count_but_content_and_names_do(files, tmp_path):
    memo = tmp_path / "memo.json"
    first = fingerprint(files, memo)
    assert len(first) == 32
    assert fingerprint(files[::-1], memo) == first
    other = tmp_path / "copy"
    other.mkdir()
    copies = [other / f.name for f in files]
    for source, copy in zip(files, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    assert fingerprint(copies, memo) == first
    assert fingerprint([copies[0].rename(other / "c.csv"), copies[1]], memo) != first
    files[0].write_text("changed")
    assert fingerprint(files, memo) != first


def test_an_unchanged_file_is_not_read_again(files, tmp_path):
    memo = tmp_path / "memo.json"
    fingerprint(files, memo)
    entries = json.loads(memo.read_text())
    entries[str(files[0])]["digest"] = "from the memo"
    memo.write_text(json.dumps(entries))
    remembered = fingerprint(files, memo)
    memo.unlink()
    assert fingerprint(files, memo) != remembered


def test_a_change_that_keeps_size_and_time_is_seen_by_the_inode(files, tmp_path):
    memo = tmp_path / "memo.json"
    first = fingerprint(files, memo)
    stat = files[0].stat()
    new = tmp_path / "new"
    new.write_text("A.csv")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(files[0])
    assert fingerprint(files, memo) != first


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": 1}'])
def test_a_damaged_memo_is_remade(files, tmp_path, damage):
    memo = tmp_path / "cache" / "memo.json"
    first = fingerprint(files, memo)
    memo.write_text(damage)
    assert fingerprint(files, memo) == first
    assert len(json.loads(memo.read_text())) >= 2


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.csv: cannot be read"):
        fingerprint([tmp_path / "nowhere.csv"], tmp_path / "memo.json")
