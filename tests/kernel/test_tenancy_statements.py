"""Statements written by hand keep to both walls: each of them alone is enough."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction

from jarvis_site.kernel.tenancy import ForeignTenant, NoTenant, tenant
from jarvis_site.kernel.tenancy.statements import append, fetch, find
from tests.kernel.conftest import Libraries
from tests.kernel.shelf import Book, Note, Shelf

NAMES = "SELECT name FROM kernel_shelf WHERE organization_id = %(organization)s ORDER BY name"


@pytest.fixture
def without_policies(libraries: Libraries) -> Iterator[None]:
    """The database's wall is down. Only for tests that commit."""
    _switch("DISABLE")
    yield
    _switch("ENABLE")


def _switch(state: str) -> None:
    with connections["owner"].cursor() as cursor:
        for model in (Shelf, Book, Note):
            cursor.execute(f"ALTER TABLE {model._meta.db_table} {state} ROW LEVEL SECURITY")


def test_a_statement_that_names_no_organization_is_refused(libraries: Libraries) -> None:
    with tenant(libraries.ours.id), pytest.raises(ValueError, match="name the organization"):
        fetch("SELECT name FROM kernel_shelf")


def test_without_a_scope_nothing_is_run(libraries: Libraries) -> None:
    for attempt in (lambda: fetch(NAMES), lambda: find(Shelf, "true"), lambda: append(Shelf(name="x"))):
        with pytest.raises(NoTenant):
            attempt()


@pytest.mark.django_db(transaction=True)
def test_with_the_databases_wall_down_only_its_own_rows_are_seen(libraries: Libraries, without_policies: None) -> None:
    with tenant(libraries.ours.id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM kernel_shelf")
            assert cursor.fetchone() == (2,)  # the wall is down
        assert fetch(NAMES) == [("shelf of ours",)]
        assert [shelf.name for shelf in find(Shelf, "true ORDER BY name FOR UPDATE")] == ["shelf of ours"]
        assert find(Shelf, "id = %(id)s", id=libraries.theirs.shelf.id) == []


@pytest.mark.django_db(transaction=True)
def test_with_the_databases_wall_down_no_foreign_row_is_written(libraries: Libraries, without_policies: None) -> None:
    with tenant(libraries.ours.id):
        with pytest.raises(ForeignTenant):
            append(Shelf(organization_id=libraries.theirs.id, name="x"))
        with pytest.raises(IntegrityError, match="kernel_book_shelf_tenant"):
            append(Book(shelf_id=libraries.theirs.shelf.id, title="x"))


def test_with_the_condition_broken_out_of_only_its_own_rows_are_seen(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert [shelf.name for shelf in find(Shelf, "true OR true")] == ["shelf of ours"]
        assert fetch("SELECT name FROM kernel_shelf WHERE true OR organization_id = %(organization)s") == [
            ("shelf of ours",)
        ]


def test_a_row_that_names_another_organization_is_refused_by_the_database_too(libraries: Libraries) -> None:
    statement = (
        "INSERT INTO kernel_shelf (id, organization_id, name)"
        " SELECT gen_random_uuid(), %(other)s, %(organization)s::text RETURNING id"
    )
    with tenant(libraries.ours.id), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        fetch(statement, other=libraries.theirs.id)


def test_values_are_parameters_and_never_a_part_of_the_statement(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert find(Shelf, "name = %(name)s", name="' OR true; --") == []


def test_an_appended_row_is_like_a_saved_one(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        plain = Shelf()
        append(plain)
        book = Book(shelf=plain, title="appended")
        append(book)
        assert (plain.organization_id, plain._state.adding, plain._state.db) == (libraries.ours.id, False, "default")
        assert Shelf.objects.get(id=plain.id).name == "plain"  # by the database
        [found] = find(Book, "title = %(title)s", title="appended")
        assert (found.id, found.shelf_id, found.lent_with_id) == (book.id, plain.id, None)
        found.title = "changed"
        found.save()
        assert Book.objects.get(id=book.id).title == "changed"


def test_a_statement_without_rows_answers_with_none(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        assert fetch("UPDATE kernel_shelf SET name = 'x' WHERE organization_id = %(organization)s") == []
        assert fetch(NAMES) == [("x",)]
