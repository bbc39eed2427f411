"""In which pieces rows are read: together they hold every row once, with its number, whatever the file's own parts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waze_data_tfx.data import shards
from waze_data_tfx.data.structs import flat, flat_types


def read(parts, names):
    """Return (number of the row, its values) in order."""
    found = []
    for shard in (shard for part in parts for shard in part):
        row = shard.first_row
        for batch in shard.batches(names):
            found += [(row + i, *values.values()) for i, values in enumerate(batch.to_pylist())]
            row += batch.num_rows
    return found


@pytest.mark.parametrize(("group_rows", "part_rows", "n_parts"), [(7, 10, 6), (50, 10, 5), (3, 1000, 1), (10, 20, 3)])
def test_row_groups_are_put_together_and_parted(tmp_path, monkeypatch, group_rows, part_rows, n_parts):
    """50 rows: groups of 7 pair to no more than 10, so 8 groups make 8 pieces and the last of one row joins its neighbour."""
    monkeypatch.setattr(shards, "PART_ROWS", part_rows)
    file = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": range(50), "b": [str(i) for i in range(50)]}), file, row_group_size=group_rows)
    parts = shards.parts_of_files([file], "parquet", ["b"], None)
    assert read(parts, ["b"]) == [(i + 1, str(i)) for i in range(50)]
    assert all(sum(s.stop - s.start for s in part) <= part_rows for part in parts)
    assert len(parts) == {7: 7}.get(group_rows, n_parts)


def test_small_files_are_read_together_and_large_ones_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_BYTES", 100)
    monkeypatch.setattr(shards, "PART_ROWS", 10)
    monkeypatch.setattr("waze_data_tfx.data.rows.BLOCK_BYTES", 64)
    files = []
    for name, n in (("a", 3), ("b", 4), ("c", 60), ("d", 2)):
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("k,v\n" + "".join(f'{name}{i},"x\ny"\n' for i in range(n)))
    parts = shards.parts_of_files(files, "csv", ["k"], str(tmp_path))
    assert [{s.file.stem for s in part} for part in (parts[0], parts[-1])] == [{"a", "b"}, {"d"}]
    assert len(parts) > 4
    expected = [(i + 2, f"{name}{i}") for name, n in (("a", 3), ("b", 4), ("c", 60), ("d", 2)) for i in range(n)]
    assert read(parts, ["k"]) == expected


def test_fields_of_structs_are_columns(tmp_path):
    place = pa.array([{"lat": 1.5, "of": {"name": "a"}}, None, {"lat": None, "of": None}])
    batch = pa.record_batch({"i": pa.array([1, 2, 3]), "place": place})
    assert list(flat_types({f.name: f.type for f in batch.schema})) == ["i", "place.lat", "place.of.name"]
    expected = {"i": [1, 2, 3], "place.lat": [1.5, None, None], "place.of.name": ["a", None, None]}
    assert flat(batch).to_pydict() == expected
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "x.parquet")
    parts = shards.parts_of_files([tmp_path / "x.parquet"], "parquet", ["place.of.name", "i"], None)
    assert read(parts, ["place.of.name", "i"]) == [(1, "a", 1), (2, None, 2), (3, None, 3)]
