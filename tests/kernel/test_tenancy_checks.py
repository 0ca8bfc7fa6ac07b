"""System checks and migrations: a table without its walls does not get far."""

import pytest
from django.apps.registry import Apps
from django.core.checks import run_checks
from django.db import connections, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.operations import AddConstraint
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import OperationWriter

from accounts.models import Organization, User
from jarvis_site.kernel.management.commands.migrate import Command
from jarvis_site.kernel.tenancy.checks import check_each, check_models
from jarvis_site.kernel.tenancy.constraints import TenantFK, TenantPolicy
from jarvis_site.kernel.tenancy.database_checks import check_catalogue
from jarvis_site.kernel.tenancy.models import TenantForeignKey, TenantModel
from tests.kernel.shelf import MODELS, Book, Note, Shelf


@pytest.fixture
def registry() -> Apps:
    """An empty registry for wrong models."""
    found = Apps(["tests.kernel"])
    for model in (Organization, User):
        found.register_model("accounts", model)
    return found


def ids(*wrong: type[models.Model]) -> list[str | None]:
    return sorted({problem.id for problem in check_each(wrong)})


def test_the_product_has_no_table_without_its_walls() -> None:
    assert check_models(None) == []
    assert check_each(MODELS) == []


def test_a_model_that_forgets_the_meta_is_found(registry: Apps) -> None:
    class Bare(TenantModel):
        class Meta:
            apps = registry
            app_label = "kernel"

    class Own(TenantModel):
        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [models.CheckConstraint(condition=models.Q(id__isnull=False), name="own_check")]

    assert ids(Bare) == ["kernel.E001", "kernel.E002", "kernel.E007"]
    assert ids(Own) == ["kernel.E001", "kernel.E002"]


def test_unbound_links_are_found(registry: Apps) -> None:
    class Target(TenantModel):
        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Plain(TenantModel):
        target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Unbound(TenantModel):
        target = TenantForeignKey(Target, on_delete=models.CASCADE, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Default(TenantModel):
        target = TenantForeignKey(Target, on_delete=models.SET_DEFAULT, default=None, null=True, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [*TenantModel.Meta.constraints, TenantFK("target")]

    class Outside(models.Model):
        target = models.ForeignKey(Target, on_delete=models.CASCADE, related_name="+")

        class Meta:
            apps = registry
            app_label = "kernel"

    assert ids(Plain) == ["kernel.E003"]
    assert ids(Unbound) == ["kernel.E003"]
    assert ids(Default) == ["kernel.E009"]
    assert ids(Outside) == ["kernel.E003", "kernel.E008"]


def test_an_append_only_table_must_not_go_with_what_the_application_may_delete(registry: Apps) -> None:
    """PostgreSQL cascades with the rights of the tables' owner."""

    class Open(TenantModel):
        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Kept(TenantModel):
        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(platform_deletes=True)]

    class Lost(TenantModel):
        above = TenantForeignKey(Open, on_delete=models.CASCADE, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(append_only=True), TenantFK("above")]

    class Safe(TenantModel):
        above = TenantForeignKey(Kept, on_delete=models.CASCADE, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [*TenantModel.Meta.constraints[:-1], TenantPolicy(append_only=True), TenantFK("above")]

    assert ids(Lost) == ["kernel.E010"]
    assert ids(Safe) == []


def test_links_to_people_and_tables_between_are_found(registry: Apps) -> None:
    class Target(TenantModel):
        others = models.ManyToManyField("self")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Personal(TenantModel):
        user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    assert ids(Target.others.through) == ["kernel.E005"]
    assert ids(Personal) == ["kernel.E004"]


def test_unique_sets_across_organizations_and_plain_managers_are_found(registry: Apps) -> None:
    class Field(TenantModel):
        code = models.CharField(max_length=5, unique=True)
        everything = models.Manager()

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"

    class Together(TenantModel):
        code = models.CharField(max_length=5)

        class Meta(TenantModel.Meta):
            apps = registry
            app_label = "kernel"
            constraints = [
                *TenantModel.Meta.constraints,
                models.UniqueConstraint(models.functions.Lower("code"), name="together_lower"),
            ]

    assert ids(Field) == ["kernel.E006", "kernel.E007"]
    assert ids(Together) == ["kernel.E006"]


def test_a_table_that_is_on_no_list_is_found(registry: Apps) -> None:
    class Unlisted(models.Model):
        class Meta:
            apps = registry
            app_label = "kernel"

    assert ids(Unlisted) == ["kernel.E008"]


def ask(sql: str, params: list[object]) -> list[tuple[object, ...]]:
    """As the owner, inside the transaction in which the test broke something."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def broken(statement: str) -> set[str | None]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
    return {problem.id for problem in check_catalogue(ask, MODELS)} - OWNER_ASKS


# The real check asks as jarvis_app; here the owner asks, who does own tables.
OWNER_ASKS = {"kernel.E021"}


def test_the_database_of_a_fresh_migration_has_no_problem(shelf_tables: None, db: None) -> None:
    assert run_checks(tags=["database"], databases=["default"]) == []
    assert broken("SELECT 1") == set()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("ALTER TABLE kernel_shelf DISABLE ROW LEVEL SECURITY", "kernel.E020 kernel.E028"),
        ("ALTER TABLE kernel_shelf NO FORCE ROW LEVEL SECURITY", "kernel.E020"),
        ("DROP POLICY tenant ON kernel_shelf", "kernel.E020"),
        ("CREATE POLICY open ON kernel_shelf USING (true)", "kernel.E020"),
        ("ALTER POLICY tenant ON kernel_shelf USING (true)", "kernel.E020"),
        ("CREATE VIEW peek AS SELECT * FROM kernel_shelf", "kernel.E023"),
        ("CREATE MATERIALIZED VIEW peek AS SELECT * FROM kernel_shelf", "kernel.E023"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO jarvis_app", "kernel.E024"),
        ("GRANT TRUNCATE ON kernel_shelf TO jarvis_app", "kernel.E025"),
        ("GRANT UPDATE ON kernel_note TO jarvis_platform", "kernel.E025"),
        ("ALTER TABLE kernel_book DROP CONSTRAINT kernel_book_shelf_tenant", "kernel.E026"),
        ("ALTER TABLE kernel_book ADD CONSTRAINT plain FOREIGN KEY (shelf_id) REFERENCES kernel_shelf", "kernel.E026"),
        ("ALTER TABLE accounts_user DISABLE ROW LEVEL SECURITY", "kernel.E027 kernel.E028"),
        ("ALTER TABLE django_session DISABLE ROW LEVEL SECURITY", "kernel.E027 kernel.E028"),
        ("DROP POLICY door ON accounts_organization", "kernel.E027"),
        ("ALTER POLICY inside ON accounts_user USING (true)", "kernel.E027"),
        ("CREATE POLICY open ON mfa_authenticator USING (true)", "kernel.E027"),
        ("CREATE TABLE stray (x int); GRANT SELECT ON stray TO jarvis_app", "kernel.E028"),
        ("GRANT UPDATE ON auth_permission TO jarvis_app", "kernel.E028"),
        ("GRANT TRUNCATE ON django_session TO jarvis_app", "kernel.E028"),
        (
            (
                "CREATE TABLE whole (organization_id uuid) PARTITION BY LIST (organization_id);"
                " CREATE TABLE part PARTITION OF whole DEFAULT; ALTER TABLE part ENABLE ROW LEVEL SECURITY;"
                " GRANT SELECT ON part TO jarvis_app"
            ),
            "kernel.E029",
        ),
        ("CREATE FUNCTION peek() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "kernel.E030"),
        ("GRANT CREATE ON SCHEMA public TO jarvis_app", "kernel.E031"),
    ],
)
def test_a_hole_in_the_database_is_found(shelf_tables: None, db: None, statement: str, problem: str) -> None:
    assert broken(statement) == set(problem.split())


def test_a_view_with_the_rights_of_who_asks_is_no_hole(shelf_tables: None, db: None) -> None:
    assert broken("CREATE VIEW peek WITH (security_invoker = true) AS SELECT * FROM kernel_shelf") == set()


def test_a_superuser_or_a_member_of_another_role_is_found() -> None:
    def answer(sql: str, params: list[object]) -> list[tuple[object, ...]]:
        if "pg_roles" in sql:
            return [("jarvis_app",)]
        if "pg_auth_members" in sql:
            return [("jarvis_owner", "jarvis_platform", False), ("jarvis_app", "jarvis_platform", True)]
        return []

    assert [problem.id for problem in check_catalogue(answer, [])] == ["kernel.E021", "kernel.E022"]


def state_of(*wanted: type[models.Model]) -> ProjectState:
    state = ProjectState()
    for model in wanted:
        state.add_model(ModelState.from_model(model))
    return state


def changes(before: ProjectState, after: ProjectState) -> list[str]:
    # `changes()` would leave out an app that has no migration yet.
    found = MigrationAutodetector(before, after)._detect_changes().get("kernel", [])
    return [type(operation).__name__ for migration in found for operation in migration.operations]


def test_migrations_see_no_change_where_there_is_none_and_the_change_where_there_is() -> None:
    models_ = [Organization, Shelf, Book, Note]
    assert changes(state_of(*models_), state_of(*models_)) == []
    changed = state_of(*models_)
    note = changed.models["kernel", "note"]
    note.options["constraints"] = [
        TenantPolicy(name=each.name) if isinstance(each, TenantPolicy) else each for each in note.options["constraints"]
    ]
    assert changes(state_of(*models_), changed) == ["RemoveConstraint", "AddConstraint"]


def test_a_migration_can_be_written_and_read_back() -> None:
    for constraint in Note._meta.constraints:
        text, imports = OperationWriter(AddConstraint("note", constraint)).serialize()
        scope: dict[str, object] = {}
        exec("\n".join([*imports, "from django.db import migrations", f"read = {text.rstrip(',')}"]), scope)  # noqa: S102 - our own text
        assert scope["read"].constraint == constraint


def test_a_policy_and_a_key_can_be_taken_back_and_made_again(shelf_tables: None, db: None) -> None:
    taken = [
        (model, constraint)
        for model in MODELS
        for constraint in model._meta.constraints
        if isinstance(constraint, (TenantPolicy, TenantFK))
    ]
    with connections["owner"].schema_editor() as editor:
        for model, constraint in taken:
            editor.remove_constraint(model, constraint)
    assert {problem.id for problem in check_catalogue(ask, MODELS)} - OWNER_ASKS == {"kernel.E020", "kernel.E026"}
    with connections["owner"].schema_editor() as editor:
        for model, constraint in taken:
            editor.add_constraint(model, constraint)
    assert {problem.id for problem in check_catalogue(ask, MODELS)} - OWNER_ASKS == set()


def test_sqlmigrate_shows_the_wall(shelf_tables: None, db: None) -> None:
    with connections["owner"].schema_editor(collect_sql=True) as editor:
        editor.create_model(Note)
    text = "\n".join(editor.collected_sql)
    assert "FORCE ROW LEVEL SECURITY" in text
    assert 'FOREIGN KEY ("organization_id", "book_id") REFERENCES "kernel_book" ("organization_id", "id")' in text


def test_migrate_runs_as_the_owner_unless_told_otherwise() -> None:
    assert Command().create_parser("manage.py", "migrate").parse_args([]).database == "owner"
