"""What the documents say is so: links, files and commands exist, variables are listed, sentences are understood."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.contracts import Person, Proposal
from tests.agents.planner.speaking import ADA, INES, PRIYA, say

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RAJ = Person("Raj Patel", "raj@example.com")

_FENCE = re.compile(r"^(```+)(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \| (.+?) \|", re.MULTILINE)
# A path in backticks: a folder of ours, or a file in one.
_APPS = "accounts|activities|agents|chat|jarvis_site|notifications|permissions"
_PATH = re.compile(rf"`((?:{_APPS}|benchmarks|bin|deploy|docs|static|templates|tests)/[\w./-]*)`")
_MODULE = re.compile(rf"`((?:{_APPS})(?:\.\w+)+)`")
# What the recipes of CONTRIBUTING.md build.
_BUILT_BY_RECIPES = ("agents/servers/dice", "agents.servers.dice")
_NOT_OURS = {"dataclasses", "django", "pathlib", "pydantic", "uuid"}


def named(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str) -> list[str]:
    return [text for _fence, kind, text in _FENCE.findall(document.read_text()) if kind == language]


def prose(document: Path) -> str:
    return _FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """What a forge makes of the headings."""
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in _HEADING.findall(prose(document)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(prose(document)):
        if link.startswith("https://"):
            continue
        path, _hash, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_files_and_modules_that_are_named_exist(document: Path) -> None:
    text = prose(document)
    paths = [path for path in _PATH.findall(text) if not path.startswith(_BUILT_BY_RECIPES)]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    modules = [module for module in _MODULE.findall(text) if not module.startswith(_BUILT_BY_RECIPES)]
    assert [module for module in modules if not module_exists(module)] == []


def module_exists(name: str) -> bool:
    """Whether it is a module, or something that a module defines."""
    path = ROOT.joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    holder, _dot, thing = name.rpartition(".")
    return "." in name and thing in defined_in(holder)


def defined_in(module: str) -> set[str]:
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return set()
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_tests_that_are_named_exist(document: Path) -> None:
    for file, test in _TEST.findall(document.read_text()):
        assert re.search(rf"def {test}\(", (ROOT / file).read_text()), f"{file}::{test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_that_are_named_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    shown = re.findall(r"`([^`\n]*)`", prose(document)) + blocks(document, "sh")
    for target in re.findall(r"(?:^|\s)make ([a-z-]+)", "\n".join(shown), re.MULTILINE):
        assert target in targets, f"make {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_shell_blocks_can_be_parsed(document: Path) -> None:
    for block in blocks(document, "sh"):
        done = subprocess.run(["/bin/sh", "-n"], input=block, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_recipes_import_what_exists() -> None:
    code = [ast.parse(dedented(block)) for block in blocks(ROOT / "CONTRIBUTING.md", "python")]
    built = {path_of(block) for block in blocks(ROOT / "CONTRIBUTING.md", "python")}
    for node in (node for tree in code for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        module = str(node.module)
        path = module.replace(".", "/")
        if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists():
            assert f"{path}.py" in built or module.partition(".")[0] in _NOT_OURS, module
        elif f"{path}.py" not in built:
            missing = {alias.name for alias in node.names} - defined_in(module) - submodules(path)
            assert {f"{path}/{name}.py" for name in missing} <= built, f"{module}: {missing}"


def dedented(block: str) -> str:
    """A block that is to be put into a function or a list."""
    first, _newline, rest = block.partition("\n")
    stripped = "\n".join(line.removeprefix("    ").removeprefix("    ") for line in rest.splitlines())
    return stripped.rstrip().rstrip(",") if rest.startswith(" ") else f"{first}\n{rest}"


def path_of(block: str) -> str:
    return block.partition("\n")[0].removeprefix("# ").partition(" ")[0]


def submodules(path: str) -> set[str]:
    return {file.stem for file in (ROOT / path).glob("*.py")} | {file.name for file in (ROOT / path).glob("*/")}


# The environment --------------------------------------------------------------------------------------------------


def variables_read() -> dict[str, str | None]:
    """Each variable that the code reads, with its default where that stands in the call."""
    found: dict[str, str | None] = {}
    for file in [*(ROOT / "jarvis_site/settings").glob("*.py"), *(ROOT / "jarvis_site/local").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args and reads_environment(node.func):
                name, *rest = node.args
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found.setdefault(name.value, default_of(node, rest))
    return found


def reads_environment(function: ast.expr) -> bool:
    return ast.unparse(function) in {
        *(f"env.{kind}" for kind in ("text", "flag", "number", "decimal", "words", "database")),
        "_database",
        "environment.get",
        "os.environ.get",
    }


def default_of(call: ast.Call, rest: list[ast.expr]) -> str | None:
    if ast.unparse(call.func) == "env.flag":
        given = next((word.value for word in call.keywords if word.arg == "default"), ast.Constant(value=False))
        return str(given.value).lower() if isinstance(given, ast.Constant) else None
    if (
        ast.unparse(call.func) in {"env.text", "env.number", "env.decimal"}
        and rest
        and isinstance(rest[0], ast.Constant)
    ):
        return str(rest[0].value)
    return None


def variables_listed() -> dict[str, str]:
    return dict(_ROW.findall((ROOT / "docs/configuration.md").read_text()))


def test_every_variable_that_is_read_is_listed_with_its_default() -> None:
    listed = variables_listed()
    for name, default in variables_read().items():
        assert name in listed, f"{name} is missing in docs/configuration.md"
        if default is not None:
            assert listed[name].startswith("empty" if default == "" else f"`{default}`"), f"{name}: {default!r}"


def test_every_variable_that_is_listed_is_read() -> None:
    folders = [*(ROOT / "bin").iterdir(), *(ROOT / "tests/faults").glob("*.py"), *(ROOT / "docs/samples").glob("*.py")]
    scripts = "\n".join(file.read_text() for file in folders)
    unread = set(variables_listed()) - set(variables_read())
    assert {name for name in unread if name not in scripts} == set()


def test_no_variable_of_ours_is_named_that_does_not_exist() -> None:
    known = set(variables_listed())
    for document in DOCUMENTS:
        assert set(re.findall(r"\bJARVIS_[A-Z_]+[A-Z]\b", document.read_text())) <= known, named(document)


# Words to say -----------------------------------------------------------------------------------------------------


def sentences() -> Iterator[str]:
    readme = ROOT / "README.md"
    yield from (line for block in blocks(readme, "text") for line in block.splitlines())
    yield from re.findall(r"^> (.+)$", prose(readme), re.MULTILINE)


@pytest.mark.parametrize("sentence", list(sentences()))
def test_the_sentences_of_the_readme_become_plans(sentence: str) -> None:
    assert isinstance(say(sentence, people=(ADA, INES, PRIYA, RAJ)), Proposal)


def test_the_picture_is_small_enough_to_load() -> None:
    pictures = list((ROOT / "docs/img").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 300_000 for picture in pictures)
