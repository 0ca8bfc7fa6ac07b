"""What the local planner understands about the workspace's files, and how it becomes steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.utils.translation import gettext as _

from agents.contracts import Clause, JsonObject, PlannedStep, Question, SkillContext


class FilesSkill:
    """Files of the organization's workspace."""

    name = "files"
    sentences = str(Path(__file__).with_name("sentences.yaml"))
    help = (
        "Read notes/plan.md",
        "Write a file notes/plan.md saying: Call Raj on Monday.",
        "List my files",
        "Find budget in my files",
        "Overwrite notes/plan.md with: Nothing left to do.",
        "Delete notes/plan.md",
        "Restore notes/plan.md",
    )

    def build(self, clause: Clause, context: SkillContext) -> tuple[PlannedStep, ...] | Question:  # noqa: ARG002
        """Turn a recognised clause into steps, or into a question when something is missing."""
        return _BUILDERS[clause.intent](clause)


def _list(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    path = clause.slots.get("path") or clause.slots.get("folder", "")
    if not path:
        return (_step(clause, "list", {}, _("List the files")),)
    return (_step(clause, "list", {"path": path}, _("List the files in %(path)s") % {"path": path}),)


def _read(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    path = clause.slots["path"]
    return (_step(clause, "read", {"path": path}, _("Read %(path)s") % {"path": path}),)


def _find(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    query = clause.slots["query"].strip(" ?.!")
    arguments: JsonObject = {"query": query}
    if clause.slots.get("path"):
        arguments["path"] = clause.slots["path"]
    return (_step(clause, "find", arguments, _("Find “%(query)s” in the files") % {"query": query}),)


def _write(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    return _written(clause, overwrite=False, title=_("Write %(path)s"))


def _overwrite(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    return _written(clause, overwrite=True, title=_("Overwrite %(path)s"))


def _written(clause: Clause, *, overwrite: bool, title: str) -> tuple[PlannedStep, ...] | Question:
    path, content = clause.slots["path"], clause.slots.get("content", "")
    if not content:
        text = _("What should be in %(path)s?") % {"path": path}
        return Question(text, (), {"slot": "content"})
    arguments: JsonObject = {"path": path, "content": content}
    if overwrite:
        arguments["overwrite"] = True
    return (_step(clause, "write", arguments, title % {"path": path}),)


def _delete(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    path = clause.slots.get("path") or clause.slots.get("folder")
    if not path:
        return Question(_("I delete one file or folder at a time. Which one do you mean?"), (), {"slot": "path"})
    return (_step(clause, "delete", {"path": path}, _("Delete %(path)s") % {"path": path}),)


def _restore(clause: Clause) -> tuple[PlannedStep, ...] | Question:
    path = clause.slots.get("path") or clause.slots.get("folder")
    if not path:
        return Question(_("Which file should I restore?"), (), {"slot": "path"})
    return (_step(clause, "restore", {"path": path}, _("Restore %(path)s") % {"path": path}),)


def _step(clause: Clause, tool: str, arguments: JsonObject, title: str) -> PlannedStep:
    return PlannedStep(str(clause.next_id), f"files.{tool}", arguments, title, depends_on=_same_file(clause, arguments))


def _same_file(clause: Clause, arguments: JsonObject) -> tuple[str, ...]:
    """What is said about one file is done in the order it was said: "write a.txt ... and read a.txt"."""
    path = arguments.get("path")
    files = (step for step in clause.earlier if step.tool.startswith("files."))
    return tuple(step.id for step in files if path and step.arguments.get("path") == path)


_BUILDERS: dict[str, Callable[[Clause], tuple[PlannedStep, ...] | Question]] = {
    "ListFiles": _list,
    "ReadFile": _read,
    "FindFiles": _find,
    "WriteFile": _write,
    "OverwriteFile": _overwrite,
    "DeleteFile": _delete,
    "RestoreFile": _restore,
}

SKILL = FilesSkill()
