"""Taking back what was done to files, on a real folder: nothing that came later is overwritten."""

import os
from pathlib import Path

import pytest

from agents.contracts import JsonObject, ToolResult
from agents.servers.files import changes, contracts, services
from tests.agents.servers.test_files import *  # noqa: F403 - fixtures and marks
from tests.agents.servers.test_files import called, done, listed, pytestmark
from tests.cast import Cast, Person

__all__ = ["pytestmark"]


def undo(person: Person, change: JsonObject, *, key: str = "") -> ToolResult:
    return called(person, "undo_change", key=key, change_id=change["change_id"])


def conflict(result: ToolResult) -> str:
    assert result.failure is not None, result.data
    assert (result.failure.code, result.failure.retryable) == ("conflict", False)
    return result.failure.message


def write(person: Person, path: str, content: str, *, key: str = "", overwrite: bool = False) -> JsonObject:
    return done(called(person, "write", key=key, path=path, content=content, overwrite=overwrite))


def test_a_new_file_goes_to_the_trash(cast: Cast, folder: Path) -> None:
    written = write(cast.priya, "notes/a.txt", "x")
    assert done(undo(cast.priya, written))["words"] == "notes/a.txt is in the trash."
    assert listed(cast.priya, "notes") == []
    done(called(cast.priya, "restore", path="notes/a.txt"))
    assert (folder / "notes/a.txt").read_text() == "x"


def test_an_overwritten_file_has_its_earlier_content_again(cast: Cast, folder: Path) -> None:
    write(cast.priya, "a.txt", "first")
    written = write(cast.priya, "a.txt", "second", overwrite=True)
    assert done(undo(cast.priya, written))["words"] == "a.txt is as it was before."
    assert (folder / "a.txt").read_text() == "first"


def test_a_deleted_folder_comes_back_with_all_it_held(cast: Cast, folder: Path) -> None:
    write(cast.priya, "clients/borealis/offer.md", "Offer")
    deleted = done(called(cast.priya, "delete", path="clients"))
    done(undo(cast.priya, deleted))
    assert (folder / "clients/borealis/offer.md").read_text() == "Offer"


def test_a_restored_folder_goes_back_to_the_trash(cast: Cast, folder: Path) -> None:
    write(cast.priya, "clients/offer.md", "Offer")
    done(called(cast.priya, "delete", path="clients"))
    restored = done(called(cast.priya, "restore", path="clients"))
    done(undo(cast.priya, restored))
    assert listed(cast.priya) == []


def test_a_write_that_changed_nothing_takes_nothing_away(cast: Cast, folder: Path) -> None:
    write(cast.priya, "a.txt", "same")
    again = write(cast.priya, "a.txt", "same")
    done(undo(cast.priya, again))
    assert (folder / "a.txt").read_text() == "same"


def test_several_changes_of_one_file_are_taken_back_in_the_reverse_order(cast: Cast, folder: Path) -> None:
    first = write(cast.priya, "a.txt", "first")
    second = write(cast.priya, "a.txt", "second", overwrite=True)
    deleted = done(called(cast.priya, "delete", path="a.txt"))
    conflict(undo(cast.priya, second))
    for change, left in ((deleted, "second"), (second, "first")):
        done(undo(cast.priya, change))
        assert (folder / "a.txt").read_text() == left
    done(undo(cast.priya, first))
    assert listed(cast.priya) == []


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ("overwrite", "“a.txt” has been changed since. Nothing was overwritten."),
        ("delete", "“a.txt” has been deleted since. Nothing was changed."),
    ],
)
def test_what_was_changed_since_stays_as_it_is(cast: Cast, folder: Path, then: str, words: str) -> None:
    write(cast.priya, "a.txt", "first")
    written = write(cast.priya, "a.txt", "second", overwrite=True)
    if then == "overwrite":
        write(cast.priya, "a.txt", "third", overwrite=True)
    else:
        called(cast.priya, "delete", path="a.txt")
    before = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert conflict(undo(cast.priya, written)) == words
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == before


def test_nothing_is_put_over_what_took_the_place_of_a_deleted_file(cast: Cast, folder: Path) -> None:
    write(cast.priya, "a.txt", "old")
    deleted = done(called(cast.priya, "delete", path="a.txt"))
    write(cast.priya, "a.txt", "new")
    assert conflict(undo(cast.priya, deleted)) == "There is another “a.txt” now. Nothing was overwritten."
    assert (folder / "a.txt").read_text() == "new"


def test_a_folder_in_which_something_was_written_since_is_not_taken_away(cast: Cast, folder: Path) -> None:
    write(cast.priya, "clients/offer.md", "Offer")
    done(called(cast.priya, "delete", path="clients"))
    restored = done(called(cast.priya, "restore", path="clients"))
    write(cast.priya, "clients/new.md", "New")
    conflict(undo(cast.priya, restored))
    assert listed(cast.priya, "clients") == ["clients/new.md", "clients/offer.md"]


def test_what_the_trash_has_lost_cannot_come_back(cast: Cast, folder: Path) -> None:
    write(cast.priya, "a.txt", "first")
    deleted = done(called(cast.priya, "delete", path="a.txt"))
    (kept,) = (folder / ".trash").iterdir()
    (kept / "content").unlink()
    assert "The trash no longer holds “a.txt”" in conflict(undo(cast.priya, deleted))


def test_an_undo_can_be_taken_back_and_its_repetition_does_it_once(cast: Cast, folder: Path) -> None:
    write(cast.priya, "a.txt", "first")
    written = write(cast.priya, "a.txt", "second", overwrite=True)
    undone = done(undo(cast.priya, written, key="undo-1"))
    assert done(undo(cast.priya, written, key="undo-1")) == undone
    done(undo(cast.priya, undone))
    assert (folder / "a.txt").read_text() == "second"


def test_a_file_whose_folder_has_gone_is_gone_already(cast: Cast, folder: Path) -> None:
    written = write(cast.priya, "notes/a.txt", "x")
    called(cast.priya, "delete", path="notes")
    done(undo(cast.priya, written))
    assert listed(cast.priya) == []


@pytest.mark.parametrize("tool", ["write", "overwrite", "delete", "restore"])
def test_a_call_whose_answer_was_lost_is_repeated_and_can_still_be_taken_back(
    cast: Cast, folder: Path, tool: str
) -> None:
    """The repetition of what was done finds it done: it must not take that for what was there before."""
    if tool != "write":
        write(cast.priya, "a.txt", "first")
    if tool == "restore":
        called(cast.priya, "delete", path="a.txt")

    def act() -> JsonObject:
        if tool in {"write", "overwrite"}:
            return write(cast.priya, "a.txt", "second", key="step-1", overwrite=True)
        return done(called(cast.priya, tool, key="step-1", path="a.txt"))

    assert act() == act()
    done(undo(cast.priya, act()))
    there = tool in {"overwrite", "delete"}
    assert listed(cast.priya) == (["a.txt"] if there else [])
    assert not there or (folder / "a.txt").read_text() == "first"


@pytest.mark.parametrize("change_id", ["", "../../secret", "0" * 32, "zz" * 16])
def test_a_change_that_never_was_is_not_found(cast: Cast, folder: Path, change_id: str) -> None:
    result = called(cast.priya, "undo_change", change_id=change_id)
    assert result.failure is not None
    assert result.failure.code == "not_found"


def test_another_organizations_change_is_not_found(cast: Cast, folder: Path) -> None:
    from jarvis_site.kernel.tenancy import tenant

    written = write(cast.priya, "a.txt", "x")
    with tenant(cast.borealis.id, member=cast.karim.membership.id):
        result = undo(cast.karim, written)
    assert result.failure is not None
    assert result.failure.code == "not_found"
    assert (folder / "a.txt").read_text() == "x"


def test_changes_are_forgotten_with_what_the_trash_forgets(cast: Cast, folder: Path) -> None:
    old = write(cast.priya, "a.txt", "x")
    long_ago = (folder / "a.txt").stat().st_mtime - contracts.TRASH_DAYS * 86_400 - 60
    os.utime(folder / changes.CHANGES / str(old["change_id"]), (long_ago, long_ago))
    write(cast.priya, "b.txt", "y")
    result = undo(cast.priya, old)
    assert result.failure is not None
    assert "longer than 30 days ago" in result.failure.message


def test_the_pages_keep_no_record_of_changes(folder: Path) -> None:
    services.file_write(path="a.txt", content=[b"x"])
    assert not (folder / changes.CHANGES).exists()
