"""What is announced in one place exists in another: jobs have handlers, ticks have tasks, tenant rows have a scope."""

import pytest
from django.apps import apps
from django.conf import settings

from agents.contracts import Json, ToolSpec
from agents.gateway import catalogue
from agents.workflows.transitions import RUN_STEP_TASK
from jarvis_site.celery import app
from jarvis_site.kernel.jobs import RUN_JOB_TASK, declared
from jarvis_site.kernel.tenancy import NoTenant
from jarvis_site.kernel.tenancy.models import TenantModel

TENANT_MODELS = [model for model in apps.get_models() if issubclass(model, TenantModel)]


@pytest.fixture(autouse=True)
def loaded() -> None:
    """As a worker begins: tasks are imported with the apps."""
    app.loader.import_default_modules()


def test_every_declared_job_has_a_handler() -> None:
    assert [name for name, job in declared().items() if not job.handled] == []


def test_every_job_is_named_after_an_app() -> None:
    labels = {config.name for config in apps.get_app_configs()} | {"tests"}
    assert [name for name in declared() if not any(name.startswith(f"{label}.") for label in labels)] == []


def test_every_tick_of_the_beat_calls_a_task_that_exists() -> None:
    asked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert asked - set(app.tasks) == set()


def test_what_nudges_call_exists() -> None:
    assert {RUN_JOB_TASK, RUN_STEP_TASK} <= set(app.tasks)


def test_every_app_of_ours_keeps_its_rows_in_organizations() -> None:
    """Organizations and accounts themselves stand above, with what belongs to an account; nothing else of ours may."""
    ours = {config.label for config in apps.get_app_configs() if config.path.startswith(str(settings.BASE_DIR))}
    installed_beside = {config.label for config in apps.get_app_configs() if ".venv" in config.path}
    free = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label in ours - installed_beside and not issubclass(model, TenantModel)
    }
    assert free == {
        "accounts.FormerAddress",
        "accounts.KnownDevice",
        "accounts.Organization",
        "accounts.SiteMail",
        "accounts.User",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda model: model._meta.label)
def test_a_tenant_row_is_not_touched_without_a_scope(model: type[TenantModel]) -> None:
    rows = model.objects.all()
    for touch in (rows.first, rows.count, rows.exists, rows.delete, lambda: list(rows), lambda: model().save()):
        with pytest.raises(NoTenant):
            touch()
    with pytest.raises(NoTenant):
        model._base_manager.first()
    with pytest.raises(NoTenant):
        model.objects.bulk_create([model()])


def test_every_tool_that_reads_says_what_it_found_in_words() -> None:
    silent = [tool.name for tool in catalogue.tools() if tool.read_only and "words" not in _answered(tool)]
    assert silent == []


def _answered(tool: ToolSpec) -> list[Json]:
    required = (tool.output_schema or {}).get("required")
    return required if isinstance(required, list) else []


def test_there_are_tenant_models_to_look_at() -> None:
    assert len(TENANT_MODELS) > 10
