"""The first wall: what the ORM answers and refuses."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.forms import modelform_factory

from jarvis_site.kernel.ids import uuid7
from jarvis_site.kernel.tenancy import (
    ForeignTenant,
    NoTenant,
    all_tenants,
    current_member,
    current_organization,
    current_user,
    signed_in,
    tenant,
)
from tests.kernel.conftest import Libraries
from tests.kernel.shelf import Book, Note, Shelf


@pytest.mark.parametrize(
    "query",
    [
        lambda: list(Shelf.objects.all()),
        Shelf.objects.count,
        lambda: Shelf.objects.filter(name="x").exists(),
        lambda: Shelf.objects.update(name="x"),
        lambda: Shelf.objects.filter(name="x").delete(),
        lambda: Shelf.objects.create(name="x"),
        lambda: Shelf.objects.bulk_create([Shelf(name="x")]),
        Shelf._base_manager.first,
        lambda: list(Shelf.objects.filter(name="x").iterator()),
    ],
)
def test_without_a_scope_a_tenant_model_raises(libraries: Libraries, query: Callable[[], object]) -> None:
    with pytest.raises(NoTenant):
        query()


def test_a_queryset_made_in_a_scope_raises_when_it_is_read_outside(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        shelves = Shelf.objects.all()
    with pytest.raises(NoTenant):
        list(shelves)


def test_a_queryset_may_be_made_outside_and_reads_the_scope_it_runs_in(libraries: Libraries) -> None:
    shelves = Shelf.objects.all()
    with tenant(libraries.theirs.id):
        assert [found.name for found in shelves.all()] == ["shelf of theirs"]
    with tenant(libraries.ours.id):
        assert [found.name for found in shelves.all()] == ["shelf of ours"]


def test_two_organizations_do_not_see_each_other(libraries: Libraries) -> None:
    theirs = libraries.theirs
    with tenant(libraries.ours.id):
        assert [found.name for found in Shelf.objects.all()] == ["shelf of ours"]
        assert not Shelf.objects.filter(pk=theirs.shelf.pk).exists()
        assert not Shelf._base_manager.filter(pk=theirs.shelf.pk).exists()
        assert Shelf.objects.filter(pk=theirs.shelf.pk).update(name="taken") == 0
        assert Shelf.objects.filter(pk=theirs.shelf.pk).delete() == (0, {})
        assert Book.objects.filter(shelf__name="shelf of theirs").count() == 0
        assert Shelf.objects.in_bulk([theirs.shelf.pk]) == {}


def test_related_managers_and_links_are_filtered(libraries: Libraries) -> None:
    theirs = libraries.theirs
    with tenant(libraries.ours.id):
        assert list(theirs.shelf.books.all()) == []
        stale = Book.objects.get(pk=libraries.ours.book.pk)
        stale.shelf_id = theirs.shelf.pk
        with pytest.raises(Shelf.DoesNotExist):
            stale.shelf  # noqa: B018 - the access is the test
        with pytest.raises(Shelf.DoesNotExist):
            theirs.shelf.refresh_from_db()
        shelf = Shelf.objects.prefetch_related("books").get()
        assert [book.title for book in shelf.books.all()] == ["book of ours"]


def test_a_new_row_belongs_to_the_scope(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        made = Shelf.objects.create(name="second")
        [bulk] = Shelf.objects.bulk_create([Shelf(name="third")])
        found, _ = Shelf.objects.get_or_create(name="fourth")
    assert {made.organization_id, bulk.organization_id, found.organization_id} == {libraries.ours.id}


def test_a_row_of_another_organization_is_not_written(libraries: Libraries) -> None:
    foreign = libraries.theirs.shelf
    with tenant(libraries.ours.id):
        for act in (
            foreign.save,
            foreign.delete,
            lambda: Shelf.objects.bulk_create([Shelf(organization_id=libraries.theirs.id, name="x")]),
            lambda: Shelf.objects.create(organization_id=libraries.theirs.id, name="x"),
        ):
            with pytest.raises(ForeignTenant):
                act()
        foreign.name = "renamed"
        assert Shelf.objects.bulk_update([foreign], ["name"]) == 0


def test_a_row_does_not_move_between_organizations(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        shelf = Shelf.objects.get()
        for act in (
            lambda: Shelf.objects.update(organization=libraries.theirs.id),
            lambda: Shelf.objects.update(organization_id=libraries.theirs.id),
            lambda: Shelf.objects.bulk_update([shelf], ["organization"]),
        ):
            with pytest.raises(ForeignTenant):
                act()


def test_scopes_nest_and_the_inner_one_counts(libraries: Libraries) -> None:
    person = uuid7()
    with signed_in(person), tenant(libraries.ours.id, member=libraries.ours.shelf.id):
        with tenant(libraries.theirs.id):
            assert current_organization() == libraries.theirs.id
            assert current_member() is None
            assert current_user() == person
            assert Shelf.objects.get().name == "shelf of theirs"
        assert current_member() == libraries.ours.shelf.id
        assert Shelf.objects.get().name == "shelf of ours"
    with pytest.raises(NoTenant):
        current_organization()


def test_an_organization_is_named_by_its_uuid() -> None:
    with pytest.raises(TypeError), tenant("x'; DROP TABLE y; --"):  # type: ignore[arg-type]
        pass


def test_a_form_refuses_a_name_the_organization_has_and_a_link_to_another(libraries: Libraries) -> None:
    shelf_form = modelform_factory(Shelf, fields=["name"])
    book_form = modelform_factory(Book, fields=["shelf", "title"])
    with tenant(libraries.ours.id):
        assert not shelf_form({"name": "shelf of ours"}).is_valid()
        assert shelf_form({"name": "shelf of theirs"}).is_valid()
        assert not book_form({"shelf": libraries.theirs.shelf.pk, "title": "x"}).is_valid()
        assert list(book_form().fields["shelf"].queryset) == [libraries.ours.shelf]
        with pytest.raises(ValidationError):
            Book(shelf_id=libraries.theirs.shelf.pk, title="x").full_clean(exclude={"organization", "lent_with"})


def place_on(shelf_id: UUID) -> None:
    with transaction.atomic():
        Book.objects.create(shelf_id=shelf_id, title="x")
        connection.check_constraints()


def test_the_database_refuses_a_link_to_another_organization_as_if_it_did_not_exist(libraries: Libraries) -> None:
    said = []
    for shelf_id in (libraries.theirs.shelf.pk, uuid7()):
        with tenant(libraries.ours.id), pytest.raises(IntegrityError) as refused:
            place_on(shelf_id)
        said.append(str(refused.value).replace(str(shelf_id), "?"))
    assert said[0] == said[1]


def test_links_follow_what_is_deleted_inside_the_organization_only(libraries: Libraries) -> None:
    ours, theirs = libraries.ours, libraries.theirs
    with tenant(ours.id):
        second = Book.objects.create(shelf=ours.shelf, title="second", lent_with=ours.book)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM kernel_book WHERE id = %s", [ours.book.pk])
        second.refresh_from_db()
        assert second.lent_with_id is None
        assert second.organization_id == ours.id
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM kernel_shelf")
        assert Book.objects.count() == 0
    with tenant(theirs.id):
        assert Book.objects.get() == theirs.book


def test_an_append_only_row_is_neither_changed_nor_deleted(libraries: Libraries) -> None:
    with tenant(libraries.ours.id):
        Note.objects.create(book=libraries.ours.book, text="kept")
        for statement in ("UPDATE kernel_note SET text = 'x'", "DELETE FROM kernel_note", "TRUNCATE kernel_note"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(statement)
        assert Note.objects.get().text == "kept"


@pytest.mark.django_db(transaction=True)
def test_all_tenants_shows_every_organization_through_the_platform_role(libraries: Libraries) -> None:
    with all_tenants():
        assert {shelf.name for shelf in Shelf.objects.all()} == {"shelf of ours", "shelf of theirs"}
        assert Shelf.objects.all().db == "platform"
        assert Shelf.objects.filter(books__title="book of theirs").update(name="swept") == 1
        with pytest.raises(NoTenant):
            Shelf.objects.create(name="of nobody")
        with pytest.raises(NoTenant):
            current_organization()
        with tenant(libraries.theirs.id):
            assert Shelf.objects.all().db == "default"
            assert [shelf.name for shelf in Shelf.objects.all()] == ["swept"]
