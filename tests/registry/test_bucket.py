"""The registry in a bucket: Google's own client against a fake; other writers, kills, lost answers, and what is said."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from registry_for_test import URI, bucket, model, register

from waze_data_tfx import google_login, registry
from waze_data_tfx.errors import NoCredentials, RunFailed, UserError
from waze_data_tfx.testing.storage import FakeStorage, Request

OLD = timedelta(hours=25)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStorage]:
    with bucket(monkeypatch) as fake:
        yield fake


def names(fake: FakeStorage) -> list[str]:
    return [name.removeprefix("eta/") for name in fake.objects("models")]


WHOLE = ["assets.extra/generation.json", "assets.extra/verdict.json", "saved_model.pb"]


def below(number: int) -> list[str]:
    return [f"{number}/{name}" for name in WHOLE]


def once(act: Callable[[], Any], when: Callable[[Request], bool]) -> Callable[[Request], None]:
    """Return what acts before the first request of that kind."""
    left = [act]

    def acts(request: Request) -> None:
        if left and when(request):
            left.pop()()

    return acts


def written(name: str) -> Callable[[Request], bool]:
    return lambda request: request.name == f"eta/{name}"


def test_the_record_is_written_last_and_the_pointer_after_it(fake: FakeStorage, tmp_path: Path) -> None:
    register(model(tmp_path / "a", "a"), URI)
    assert names(fake) == [*below(1), "CURRENT"]
    inserted = [
        (r.name.removeprefix("eta/"), r.query["ifGenerationMatch"]) for r in fake.requests if r.method == "objects.insert"
    ]
    assert [name for name, _ in inserted] == [
        ".writing/1",
        "1/assets.extra/verdict.json",
        "1/saved_model.pb",
        ".writing/1",
        "1/assets.extra/generation.json",
        "CURRENT",
    ]
    assert [match for _, match in inserted if match == "0"] == ["0"] * 5, "but the claim, renewed as the object that it was"
    assert fake.objects("models")["eta/CURRENT"] == b"1\n"


def test_a_model_of_many_megabytes_is_uploaded_in_parts(fake: FakeStorage, tmp_path: Path) -> None:
    a = model(tmp_path / "a", "a")
    (a / "variables").mkdir()
    content = bytes(range(256)) * 40_000  # 10 MB: the client sends what is above 8 MB as a resumable upload
    (a / "variables" / "variables.data").write_bytes(content)
    assert register(a, URI).is_new
    assert fake.objects("models")["eta/1/variables/variables.data"] == content
    assert [r.query["uploadType"] for r in fake.requests if r.name.endswith("variables.data")] == ["resumable"]
    assert not register(a, URI).is_new


def test_another_writer_who_moves_the_pointer_first_wins(fake: FakeStorage, tmp_path: Path) -> None:
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    fake.before("objects.insert", once(lambda: register(b, URI), written("1/saved_model.pb")))
    with pytest.raises(RunFailed, match="eta/CURRENT: another writer changed the current version; received 2; expected none"):
        register(a, URI)
    assert names(fake) == [*below(2), "CURRENT"], "the number 1 was claimed, so the other took 2; of 1 nothing is left"
    assert register(a, URI).generation == 3


def test_a_number_that_was_taken_and_done_with_meanwhile_is_left_alone(fake: FakeStorage, tmp_path: Path) -> None:
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")
    fake.before("objects.insert", once(lambda: register(b, URI), written(".writing/1")))
    with pytest.raises(RunFailed, match="another writer changed the current version; received 1; expected none"):
        register(a, URI)
    assert names(fake) == [*below(1), "CURRENT"]
    assert fake.objects("models")["eta/1/saved_model.pb"] == b"b"


def test_two_who_choose_at_once_do_not_overwrite_each_other(fake: FakeStorage, tmp_path: Path) -> None:
    for text in "abc":
        register(model(tmp_path / text, text), URI)
    fake.before("objects.insert", once(lambda: registry.promote(URI, 1), written("CURRENT")))
    with pytest.raises(RunFailed, match="another writer changed the current version; received 1; expected 3"):
        registry.rollback(URI)
    assert registry.usable_current(URI) == 1


def test_a_generation_that_becomes_current_while_it_is_deleted_stays(fake: FakeStorage, tmp_path: Path) -> None:
    for text in "ab":
        register(model(tmp_path / text, text), URI)
    chosen = once(lambda: fake.put("models", "eta/CURRENT", b"1\n"), written(f"1/{WHOLE[0]}"))
    fake.before("objects.delete", chosen)  # after the pruner has looked which one is current
    assert register(model(tmp_path / "c", "c"), URI, keep=2).line == f"generation 3 is current in {URI}"
    assert [(g.number, g.is_current) for g in registry.generations(URI)] == [(3, False), (2, False), (1, True)]
    assert not [name for name in names(fake) if name.startswith(".")]


def test_a_generation_that_is_deleted_while_it_becomes_current_does_not(fake: FakeStorage, tmp_path: Path) -> None:
    for text in "ab":
        register(model(tmp_path / text, text), URI)
    gone = once(lambda: [fake.delete("models", f"eta/{n}") for n in below(1)], written("CURRENT"))
    fake.before("objects.insert", gone)
    with pytest.raises(UserError, match="generation 1 was deleted just now"):
        registry.promote(URI, 1)
    assert registry.usable_current(URI) == 2


def test_writers_at_once_leave_whole_generations_and_nothing_else(fake: FakeStorage, tmp_path: Path) -> None:
    def writes(text: str) -> str:
        try:
            return f"new {register(model(tmp_path / text, text), URI, keep=8).generation}"
        except RunFailed as error:
            return "lost" if "another writer changed the current version" in error.message else error.message

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(writes, "abcdefgh"))
    made = [int(what.split()[1]) for what in said if what != "lost"]
    assert made, said
    assert len(set(made)) == len(made), "no number is two writers'"
    assert registry.usable_current(URI) == max(made)
    assert names(fake) == sorted([*(name for number in made for name in below(number)), "CURRENT"])
    assert {fake.objects("models")[f"eta/{number}/saved_model.pb"].decode() for number in made} == {
        text for text, what in zip("abcdefgh", said, strict=True) if what != "lost"
    }


KILLED = """
import os, sys
from pathlib import Path
from waze_data_tfx import registry
from waze_data_tfx.registry.objects import Objects
write = Objects.write
def killed(self, name, content, **kwargs):
    if name == sys.argv[2]:
        os._exit(9)
    return write(self, name, content, **kwargs)
Objects.write = killed
registry.register(Path(sys.argv[1]), "gs://models/eta", run="r", pipeline="p", pushed_version="2", keep=5)
"""


@pytest.mark.parametrize(("before", "listed"), [("2/" + WHOLE[0], [1]), ("CURRENT", [1, 2])])
def test_a_killed_writer_is_not_seen_and_is_cleared_away_in_time(
    fake: FakeStorage, tmp_path: Path, before: str, listed: list[int]
) -> None:
    register(model(tmp_path / "a", "a"), URI)
    b = model(tmp_path / "b", "b")
    assert subprocess.run([sys.executable, "-c", KILLED, str(b), before], check=False).returncode == 9
    assert [g.number for g in reversed(registry.generations(URI))] == listed
    assert registry.usable_current(URI) == 1
    assert register(model(tmp_path / "c", "c"), URI).generation == 3
    assert ".writing/2" in names(fake), "its writer could be alive"
    fake.age("models", "eta/.writing/2", OLD)
    register(model(tmp_path / "d", "d"), URI)
    left = [*below(1), *(below(2) if 2 in listed else []), *below(3), *below(4), "CURRENT"]
    assert names(fake) == left


def test_a_writer_that_was_taken_for_dead_gives_up(fake: FakeStorage, tmp_path: Path) -> None:
    a, b = model(tmp_path / "a", "a"), model(tmp_path / "b", "b")

    def sleep() -> None:
        fake.age("models", "eta/.writing/1", OLD)
        register(b, URI)

    fake.before("objects.insert", once(sleep, written("1/saved_model.pb")))
    with pytest.raises(RunFailed, match=r"eta/1: another writer took this copy for abandoned: it is more than 1 day old"):
        register(a, URI)
    assert [(g.number, g.is_current) for g in registry.generations(URI)] == [(2, True)]
    assert fake.objects("models")["eta/2/saved_model.pb"] == b"b"


def test_what_others_keep_beside_it_is_left_alone(fake: FakeStorage, tmp_path: Path) -> None:
    theirs = {"eta/2024/trips.csv": b"rows", "eta/notes.txt": b"text", "eta/.writing/x": b"", "eta2/1/y": b""}
    for name, content in theirs.items():
        fake.put("models", name, content)
        fake.age("models", name, 100 * OLD)
    assert register(model(tmp_path / "a", "a"), URI).generation == 2025, "2024 is a number that is taken"
    register(model(tmp_path / "b", "b"), URI, keep=1)
    assert [g.number for g in registry.generations(URI)] == [2026]
    assert theirs.items() <= fake.objects("models").items()


def test_a_copy_that_differs_is_no_generation(fake: FakeStorage, tmp_path: Path) -> None:
    fake.before(
        "objects.insert",
        once(lambda: fake.put("models", "eta/1/saved_model.pb", b"damaged"), written("1/saved_model.pb")),
    )
    with pytest.raises(RunFailed, match=r"gs://models/eta/1: the copy differs from .* in saved_model.pb"):
        register(model(tmp_path / "a", "a"), URI)
    assert names(fake) == []


@pytest.mark.parametrize("lost", ["objects.insert", "objects.delete"])
def test_a_lost_answer_is_asked_for_again_and_changes_nothing(fake: FakeStorage, tmp_path: Path, lost: str) -> None:
    seen: list[str] = []

    def each(request: Request) -> None:
        if request.name not in seen:  # the first answer about every object is lost
            seen.append(request.name)
            fake.fail(lost, status=503, reason="backendError", message="try again", done=True)

    fake.before(lost, each)
    assert register(model(tmp_path / "a", "a"), URI).generation == 1
    assert names(fake) == [*below(1), "CURRENT"]


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "said"),
    [
        (
            401,
            "authError",
            "Invalid Credentials",
            NoCredentials,
            r"the Google credentials are not valid; .*\n  next: gcloud auth",
        ),
        (
            403,
            "forbidden",
            "me@x lacks storage.objects.create",
            UserError,
            r"eta: me@x lacks storage.objects.create\n  next: ask for",
        ),
        (404, "notFound", "The specified bucket does not exist.", UserError, "there is no bucket 'models'"),
        (400, "invalid", "no", UserError, "Cloud Storage refuses; no"),
    ],
)
def test_what_is_refused_says_what_to_do_and_leaves_nothing(
    fake: FakeStorage, tmp_path: Path, status: int, reason: str, message: str, kind: type[Exception], said: str
) -> None:
    register(model(tmp_path / "a", "a"), URI)
    fake.before(
        "objects.insert",
        once(lambda: fake.fail("objects.insert", status=status, reason=reason, message=message), written("2/saved_model.pb")),
    )
    with pytest.raises(kind, match=said):
        register(model(tmp_path / "b", "b"), URI)
    assert names(fake) == [*below(1), "CURRENT"]


def test_a_bucket_that_does_not_answer(fake: FakeStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LOOK_S", 0.5)
    fake.fail("objects.list", status=503, reason="backendError", message="We encountered an internal error.", times=50)
    said = (
        r"gs://models/eta: Cloud Storage does not answer as it should \(code 503\); We encountered an internal error\n  next: run"
    )
    with pytest.raises(RunFailed, match=said):
        registry.superseded(URI, 1)


def test_nobody_is_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from google.auth.exceptions import TransportError
    from google.auth.transport.requests import Request as Asked

    def unreachable(self: Asked, url: str, **kwargs: Any) -> None:
        raise TransportError("unreachable")

    for name in ("GOOGLE_APPLICATION_CREDENTIALS", *google_login._ON_GOOGLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr(google_login, "_PRODUCT", tmp_path / "none")
    monkeypatch.setattr(Asked, "__call__", unreachable)
    with pytest.raises(
        NoCredentials, match=r"^registry.directory: no Google credentials; .*\n  next: gcloud auth application-def"
    ):
        registry.generations(URI)


def test_the_same_record_in_every_place(fake: FakeStorage, tmp_path: Path) -> None:
    a = model(tmp_path / "a", "a")
    register(a, URI)
    register(a, tmp_path / "registry")
    [far], [near] = registry.generations(URI), registry.generations(tmp_path / "registry")
    assert far.record["digest"] == near.record["digest"]
    assert json.loads(fake.objects("models")["eta/1/assets.extra/verdict.json"])["status"] == "blessed"
