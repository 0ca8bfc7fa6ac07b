"""The workspace through its tools, over MCP, on a real folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from agents.contracts import JsonObject, ToolCall, ToolResult
from agents.gateway.calls import call
from agents.servers.base import Caller
from agents.servers.files import contracts, services
from jarvis_site.audit.models import AuditEvent
from jarvis_site.audit.selectors import with_words
from jarvis_site.kernel.errors import Conflict, Invalid
from jarvis_site.kernel.tenancy import NoTenant, tenant
from tests.cast import Cast, Person

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 20.0


@pytest.fixture(autouse=True)
def workspaces(settings: Settings, tmp_path: Path) -> Path:
    settings.TOOL_SERVERS = ["agents.servers.files"]
    settings.WORKSPACE_DIR = tmp_path / "workspaces"
    return tmp_path / "workspaces"


@pytest.fixture
def folder(cast: Cast, workspaces: Path) -> Iterator[Path]:
    """Halden's folder on the disk, with Priya acting."""
    with tenant(cast.halden.id, member=cast.priya.membership.id):
        yield workspaces / str(cast.halden.id)


def called(person: Person, tool: str, *, key: str = "", **arguments: object) -> ToolResult:
    actor = person.actor
    caller = Caller(actor.organization_id, actor.member_id, actor.name, actor.email, actor.timezone, "")
    values: JsonObject = dict(arguments)  # type: ignore[arg-type]  # tests pass wrong types on purpose
    return call(ToolCall(f"files.{tool}", values, key), caller, timeout_seconds=PATIENCE_SECONDS)


def refused(result: ToolResult) -> str:
    assert result.failure is not None, result.data
    return result.failure.code


def done(result: ToolResult) -> JsonObject:
    assert result.failure is None, result.failure
    return result.data


def listed(person: Person, path: str = "") -> list[object]:
    files = done(called(person, "list", path=path))["files"]
    assert isinstance(files, list)
    return [file["path"] for file in files if isinstance(file, dict)]


def test_what_is_written_can_be_listed_read_and_found(cast: Cast, folder: Path) -> None:
    written = done(called(cast.priya, "write", path="notes/plan.md", content="# Plan\nCall Raj about the budget.\n"))
    assert (written["path"], written["size"], written["created"]) == ("notes/plan.md", 34, True)
    assert listed(cast.priya) == ["notes"]
    assert listed(cast.priya, "notes/") == ["notes/plan.md"]
    read = done(called(cast.priya, "read", path="notes/plan.md"))
    assert (read["content"], read["truncated"], read["binary"]) == (
        "# Plan\nCall Raj about the budget.\n",
        False,
        False,
    )
    found = done(called(cast.priya, "find", query="BUDGET"))["files"]
    assert isinstance(found, list)
    assert [(file["path"], file["match"]) for file in found] == [("notes/plan.md", "Call Raj about the budget.")]
    assert (folder / "notes/plan.md").read_text() == "# Plan\nCall Raj about the budget.\n"


def test_folders_come_first_and_names_are_found_too(cast: Cast, folder: Path) -> None:
    for path in ("b.txt", "a.txt", "zoo/budget.txt"):
        called(cast.priya, "write", path=path, content="x")
    assert listed(cast.priya) == ["zoo", "a.txt", "b.txt"]
    found = done(called(cast.priya, "find", query="budget"))["files"]
    assert isinstance(found, list)
    assert [(file["path"], file["match"]) for file in found] == [("zoo/budget.txt", "")]


def test_writing_the_same_twice_changes_nothing(cast: Cast, folder: Path) -> None:
    done(called(cast.priya, "write", path="a.txt", content="same"))
    before = (folder / "a.txt").stat()
    again = done(called(cast.priya, "write", path="a.txt", content="same"))
    assert (again["path"], again["size"], again["created"]) == ("a.txt", 4, False)
    after = (folder / "a.txt").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_other_content_is_replaced_only_when_asked_and_can_be_brought_back(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="first")
    assert refused(called(cast.priya, "write", path="a.txt", content="second")) == "conflict"
    assert (folder / "a.txt").read_text() == "first"
    assert done(called(cast.priya, "write", path="a.txt", content="second", overwrite=True))["created"] is False
    assert (folder / "a.txt").read_text() == "second"
    done(called(cast.priya, "delete", path="a.txt"))
    done(called(cast.priya, "restore", path="a.txt"))
    done(called(cast.priya, "delete", path="a.txt"))
    assert listed(cast.priya) == []


def test_a_deleted_folder_comes_back_whole(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="clients/borealis/offer.md", content="Offer")
    assert done(called(cast.priya, "delete", path="clients"))["path"] == "clients"
    assert listed(cast.priya) == []
    assert refused(called(cast.priya, "read", path="clients/borealis/offer.md")) == "not_found"
    assert done(called(cast.priya, "restore", path="Clients"))["folder"] is True
    assert done(called(cast.priya, "read", path="clients/borealis/offer.md"))["content"] == "Offer"
    assert refused(called(cast.priya, "restore", path="clients")) == "not_found"


def test_nothing_is_restored_over_what_took_its_place(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="old")
    called(cast.priya, "delete", path="a.txt")
    called(cast.priya, "write", path="a.txt", content="new")
    assert refused(called(cast.priya, "restore", path="a.txt")) == "conflict"
    assert (folder / "a.txt").read_text() == "new"


def test_a_repeated_deletion_succeeds_once_more_and_a_new_one_does_not(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="x")
    first = done(called(cast.priya, "delete", path="a.txt", key="step-1"))
    called(cast.priya, "write", path="a.txt", content="y")
    assert done(called(cast.priya, "delete", path="a.txt", key="step-1")) == first
    assert (folder / "a.txt").read_text() == "y"
    assert refused(called(cast.priya, "delete", path="missing.txt", key="step-2")) == "not_found"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "notes/../../secret.txt",
        "/etc/passwd",
        "..",
        "./a.txt",
        "a//b.txt",
        "a/",
        "C:\\secret.txt",
        "..\\secret.txt",
        ".trash/x",
        ".hidden",
        " a.txt",
        "a.txt ",
        "a\nb.txt",
        "a\u202egpj.exe",
        "a\x00b",
        "x" * 201,
        "a/" * 16 + "a",
        "ab/" * 400,
        "",
    ],
)
def test_an_unsafe_path_is_refused_by_every_tool(cast: Cast, folder: Path, path: str) -> None:
    (folder.parent).mkdir(parents=True, exist_ok=True)
    (folder.parent / "secret.txt").write_text("secret")
    for tool, more in (("read", {}), ("write", {"content": "x"}), ("delete", {}), ("restore", {})):
        assert refused(called(cast.priya, tool, path=path, **more)) in {"invalid", "bad_arguments"}
    assert (folder.parent / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_symbolic_links_are_neither_followed_nor_shown(cast: Cast, folder: Path, target: str) -> None:
    called(cast.priya, "write", path="real/inside.txt", content="inside")
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    goal = outside if target == "outside" else folder / "real"
    (folder / "link").symlink_to(goal)
    (folder / "link.txt").symlink_to(goal / "secret.txt")
    assert listed(cast.priya) == ["real"]
    assert refused(called(cast.priya, "list", path="link")) == "invalid"
    assert refused(called(cast.priya, "read", path="link/secret.txt")) == "invalid"
    assert refused(called(cast.priya, "read", path="link.txt")) == "invalid"
    assert refused(called(cast.priya, "write", path="link/new.txt", content="x")) == "invalid"
    assert refused(called(cast.priya, "write", path="link.txt", content="x", overwrite=True)) == "invalid"
    assert done(called(cast.priya, "find", query="secret"))["files"] == []
    assert [path.name for path in outside.iterdir()] == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"


def test_a_named_pipe_does_not_hang_a_reader(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="x")
    os.mkfifo(folder / "pipe")
    assert refused(called(cast.priya, "read", path="pipe")) == "invalid"
    assert listed(cast.priya) == ["a.txt"]


def test_capitals_and_accents_do_not_make_another_file(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="Reports/Übersicht.md", content="eins")
    decomposed = "reports/U\u0308bersicht.MD"
    assert done(called(cast.priya, "read", path=decomposed))["path"] == "Reports/Übersicht.md"
    assert refused(called(cast.priya, "write", path=decomposed, content="zwei")) == "conflict"
    assert listed(cast.priya, "REPORTS") == ["Reports/Übersicht.md"]


def test_a_long_text_is_cut_after_a_whole_character(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="long.txt", content="é" * contracts.MAX_READ_BYTES + "x")
    with tenant(cast.halden.id):
        read = done(called(cast.priya, "read", path="long.txt"))
    assert read["content"] == "é" * (contracts.MAX_READ_BYTES // 2)
    assert (read["truncated"], read["size"]) == (True, 2 * contracts.MAX_READ_BYTES + 1)


def test_of_a_file_that_is_not_text_only_size_and_type_are_told(cast: Cast, folder: Path) -> None:
    services.file_write(path="photo.png", content=[b"\x89PNG\r\n", b"\x00\xff"])
    read = done(called(cast.priya, "read", path="photo.png"))
    assert (read["content"], read["binary"], read["size"], read["media_type"]) == ("", True, 8, "image/png")


def test_too_much_text_is_refused(cast: Cast, folder: Path) -> None:
    assert refused(called(cast.priya, "write", path="a.txt", content="x" * (contracts.MAX_TEXT_BYTES + 1))) == (
        "too_large"
    )


def test_a_file_over_the_limit_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_FILE_BYTES", 10)
    with pytest.raises(Invalid):
        services.file_write(path="a.bin", content=[b"12345", b"678901"])
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_full_workspace_takes_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services.file_write(path="a.txt", content=[b"x" * 5000])
    monkeypatch.setattr(services, "QUOTA_BYTES", 4000)
    with pytest.raises(Conflict):
        services.file_write(path="b.txt", content=[b"y"])
    assert not (folder / "b.txt").exists()


def test_another_organization_sees_nothing(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="Halden's")
    with tenant(cast.borealis.id, member=cast.karim.membership.id):
        assert listed(cast.karim) == []
        assert refused(called(cast.karim, "read", path="a.txt")) == "not_found"
        assert refused(called(cast.karim, "read", path=f"../{cast.halden.id}/a.txt")) == "invalid"


def test_without_a_scope_nothing_happens(cast: Cast) -> None:
    with pytest.raises(NoTenant):
        services.file_write(path="a.txt", content=[b"x"])


def test_each_change_is_on_record(cast: Cast, folder: Path) -> None:
    called(cast.priya, "write", path="a.txt", content="x")
    called(cast.priya, "write", path="a.txt", content="y", overwrite=True)
    called(cast.priya, "delete", path="a.txt")
    called(cast.priya, "restore", path="a.txt")
    refused(called(cast.priya, "delete", path="missing.txt"))
    rows = with_words(list(AuditEvent.objects.filter(resource_type="file").order_by("id")))
    assert [(row.action, words["path"]) for row, words in rows] == [
        ("file.created", "a.txt"),
        ("file.replaced", "a.txt"),
        ("file.deleted", "a.txt"),
        ("file.restored", "a.txt"),
    ]


def test_a_listing_says_when_it_is_cut(cast: Cast, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.servers.files.selectors.MAX_LISTED", 2)
    for name in "abc":
        called(cast.priya, "write", path=f"{name}.txt", content=name)
    assert done(called(cast.priya, "list"))["truncated"] is True
