"""Records written by the batch: byte for byte what TensorFlow's writer frames, and read by TensorFlow and by `records`."""

import gzip
import os
from pathlib import Path

import tensorflow as tf

from waze_data_tfx.data.record_writer import RecordWriter, framed
from waze_data_tfx.data.records import records

RECORDS = [b"", b"123456789", b"\x00" * 300, "größer".encode(), b"123456789", bytes(range(256)) * 300]


def test_the_checksum_is_masked_as_the_format_says() -> None:
    # CRC-32C of "123456789" is E3069283 (RFC 3720, B.4's polynomial); rotated right by 15: 2507C60D; plus A282EAD8: C78AB0E5
    assert framed([b"123456789"]).endswith(b"123456789" + bytes.fromhex("e5b08ac7"))


def test_framing_is_tensorflows(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "plain")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert framed(RECORDS) == (tmp_path / "plain").read_bytes()


def test_a_file_of_several_batches_is_read_back(tmp_path: Path) -> None:
    writer = RecordWriter(str(tmp_path / "shard.gz"))
    for batch in (RECORDS[:2], [], RECORDS[2:]):
        writer.write(batch)
    writer.close()
    assert list(tf.data.TFRecordDataset(str(tmp_path / "shard.gz"), "GZIP").as_numpy_iterator()) == RECORDS
    with (tmp_path / "shard.gz").open("rb") as opened:
        assert list(records(opened, "shard.gz")) == RECORDS


def test_a_file_without_records_is_an_empty_gzip(tmp_path: Path) -> None:
    RecordWriter(str(tmp_path / "empty.gz")).close()
    assert gzip.decompress((tmp_path / "empty.gz").read_bytes()) == b""
    assert list(tf.data.TFRecordDataset(str(tmp_path / "empty.gz"), "GZIP").as_numpy_iterator()) == []


def test_records_of_a_repeated_kind_become_short(tmp_path: Path) -> None:
    rows = [f"trip-{i:09d} cash".encode() for i in range(10_000)]  # 19 bytes and 16 around them: 350,000
    writer = RecordWriter(str(tmp_path / "shard.gz"))
    writer.write(rows)
    writer.close()
    assert os.path.getsize(tmp_path / "shard.gz") < 175_000
