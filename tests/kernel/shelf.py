"""A small tenant app that exists only in tests: shelves with books, books with notes.

Its models live in a registry of their own, so that migrations and system checks of the product never meet them.
"""

from django.apps.registry import Apps
from django.db import connections, models

from accounts.models import Organization
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel

registry = Apps(["tests.kernel"])
registry.register_model("accounts", Organization)


class Shelf(TenantModel):
    name = models.CharField(max_length=50, db_default="plain")

    class Meta(TenantModel.Meta):
        apps = registry
        app_label = "kernel"
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["organization", "name"], name="shelf_name"),
        ]


class Book(TenantModel):
    shelf = TenantForeignKey(Shelf, on_delete=models.CASCADE, related_name="books")
    lent_with = TenantForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=50)

    class Meta(TenantModel.Meta):
        apps = registry
        app_label = "kernel"
        constraints = [*TenantModel.Meta.constraints, TenantFK("shelf"), TenantFK("lent_with")]


class Note(TenantModel):
    book = TenantForeignKey(Book, on_delete=models.PROTECT, related_name="notes")
    text = models.CharField(max_length=50)

    class Meta(TenantModel.Meta):
        apps = registry
        app_label = "kernel"
        constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(append_only=True), TenantFK("book")]


MODELS = [Shelf, Book, Note]


def create_tables() -> None:
    with connections["owner"].schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)


def drop_tables() -> None:
    with connections["owner"].schema_editor() as editor:
        for model in reversed(MODELS):
            editor.delete_model(model)
