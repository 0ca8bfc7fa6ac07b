"""References from one step to another's output."""

import pytest

from agents.errors import UnresolvedReference
from agents.planner.references import Reference, references, resolve


def test_references_are_found_at_any_depth_with_their_place() -> None:
    arguments = {"to": [{"$from": "1", "path": "/people/0"}], "a/b": {"c": {"$from": "2", "path": ""}}}

    assert references(arguments) == (Reference("1", "/people/0", "/to/0"), Reference("2", "", "/a~1b/c"))


def test_references_are_replaced_by_values_and_the_rest_is_left_alone() -> None:
    arguments = {"id": {"$from": "1", "path": "/event/id"}, "all": [{"$from": "1", "path": ""}], "n": 1, "x": None}

    resolved = resolve(arguments, {"1": {"event": {"id": "e7"}}})

    assert resolved == {"id": "e7", "all": [{"event": {"id": "e7"}}], "n": 1, "x": None}


def test_pointers_unescape_tokens_and_index_lists() -> None:
    output = {"a/b": [{"~": "found"}]}

    assert resolve({"v": {"$from": "1", "path": "/a~1b/0/~0"}}, {"1": output}) == {"v": "found"}


def test_a_resolved_value_is_a_copy() -> None:
    output = {"people": ["ada"]}

    resolve({"v": {"$from": "1", "path": "/people"}}, {"1": output})["v"].append("eve")

    assert output == {"people": ["ada"]}


@pytest.mark.parametrize(
    "path", ["/missing", "/list/2", "/list/-", "/list/01", "/list/x", "/text/0", "no-slash", "/~2"]
)
def test_a_reference_that_leads_nowhere_is_an_error(path: str) -> None:
    output = {"list": [1, 2], "text": "abc"}

    with pytest.raises(UnresolvedReference) as caught:
        resolve({"v": {"$from": "1", "path": path}}, {"1": output})

    assert (caught.value.step, caught.value.path) == ("1", path)


def test_a_step_without_output_is_an_error() -> None:
    with pytest.raises(UnresolvedReference):
        resolve({"v": {"$from": "9", "path": ""}}, {"1": {}})


def test_a_value_from_outside_is_never_read_as_a_reference_itself() -> None:
    outputs = {"1": {"text": {"$from": "2", "path": "/secret"}}, "2": {"secret": "s"}}

    assert resolve({"v": {"$from": "1", "path": "/text"}}, outputs) == {"v": {"$from": "2", "path": "/secret"}}
