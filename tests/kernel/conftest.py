"""Two organizations with a shelf each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Organization
from jarvis_site.kernel.tenancy import tenant
from tests.kernel import shelf
from tests.kernel.shelf import Book, Shelf


@pytest.fixture(scope="session")
def shelf_tables(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        shelf.create_tables()
    yield
    with django_db_blocker.unblock():
        shelf.drop_tables()


@dataclass(frozen=True)
class Library:
    """An organization with one shelf and one book on it."""

    id: UUID
    shelf: Shelf
    book: Book


@dataclass(frozen=True)
class Libraries:
    ours: Library
    theirs: Library


@pytest.fixture
def libraries(shelf_tables: None, db: None) -> Libraries:
    return Libraries(ours=_library("ours"), theirs=_library("theirs"))


def _library(name: str) -> Library:
    organization = Organization.objects.create(name=name, slug=name)
    with tenant(organization.id):
        shelf_ = Shelf.objects.create(name=f"shelf of {name}")
        book = Book.objects.create(shelf=shelf_, title=f"book of {name}")
    return Library(id=organization.id, shelf=shelf_, book=book)
