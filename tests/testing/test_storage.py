"""The fake of Cloud Storage by Google's own client: what it holds, what it refuses, and what it never sends out."""

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.cloud import storage

from waze_data_tfx.testing.storage import FakeStorage


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStorage]:
    with FakeStorage("b", page=2) as fake:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake.environment["STORAGE_EMULATOR_HOST"])
        yield fake


@pytest.fixture
def bucket(fake: FakeStorage) -> storage.Bucket:
    return storage.Client(project=None).bucket("b")


def test_what_is_written_is_read_listed_page_by_page_and_deleted(fake: FakeStorage, bucket: storage.Bucket) -> None:
    contents = {"a/ü 1": b"", "a/2": b"--mark\r\n--", "a/3": bytes(range(256)) * 40_000, "b/1": b"x"}
    for name, content in contents.items():
        bucket.blob(name).upload_from_string(content)
    assert [blob.name for blob in bucket.client.list_blobs(bucket, prefix="a/")] == ["a/2", "a/3", "a/ü 1"]
    assert [r.method for r in fake.requests].count("objects.list") == 2
    assert {name: bucket.blob(name).download_as_bytes() for name in contents} == contents == fake.objects("b")
    blob = bucket.get_blob("a/3")
    assert (blob.size, blob.crc32c) == (10_240_000, bucket.get_blob("a/3").crc32c)
    blob.delete()
    with pytest.raises(NotFound, match="No such object: b/a/3"):
        blob.download_as_bytes()


def test_an_upload_in_many_parts(fake: FakeStorage, bucket: storage.Bucket) -> None:
    content = bytes(range(256)) * 4096  # 1 MiB in four parts
    bucket.blob("a", chunk_size=256 * 1024).upload_from_string(content)
    assert fake.objects("b") == {"a": content}


def test_preconditions(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"1", if_generation_match=0)
    first = blob.generation
    for wrong in (0, first + 1):
        with pytest.raises(PreconditionFailed):
            bucket.blob("a").upload_from_string(b"2", if_generation_match=wrong)
    bucket.blob("a").upload_from_string(b"2", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").delete(if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        bucket.blob("never").upload_from_string(b"2", if_generation_match=first)


def test_what_is_refused(fake: FakeStorage, bucket: storage.Bucket) -> None:
    with pytest.raises(NotFound, match=r"The specified bucket does not exist"):
        bucket.client.bucket("other").blob("a").upload_from_string(b"")
    damaged = bucket.blob("a")
    damaged.crc32c = "AAAAAA=="
    with pytest.raises(BadRequest, match="doesn't match calculated"):
        damaged.upload_from_string(b"not empty", checksum=None)
    with pytest.raises(NotFound, match="the fake has no such method"):
        bucket.reload(retry=None)
    assert fake.objects("b") == {}
