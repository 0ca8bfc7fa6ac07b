"""One family of failures, rendered once: a page for people, problem+json for programs."""

from http import HTTPStatus

import pytest
from django.test import Client

from jarvis_site.kernel.errors import JarvisError, NotFound, Unavailable
from jarvis_site.kernel.errors.middleware import PROBLEM_TYPE
from jarvis_site.kernel.ids import uuid7
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_person_gets_a_page(cast: Cast) -> None:
    answer = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{uuid7()}/")

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer["Content-Type"].startswith("text/html")
    assert str(NotFound.message) in answer.content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Accept": "application/json, text/html;q=0.1"}])
def test_a_program_that_asks_for_json_gets_a_problem(cast: Cast, headers: dict[str, str]) -> None:
    answer = cast.maya.client().get(f"/o/{cast.maya.slug}/runs/{uuid7()}/", headers=headers)

    assert answer["Content-Type"] == PROBLEM_TYPE
    assert answer.json() == {
        "type": "about:blank",
        "title": str(NotFound.message),
        "status": 404,
        "code": "not_found",
        "retryable": False,
    }


def test_the_api_answers_problems_whatever_is_accepted(cast: Cast) -> None:
    address = f"/api/v1/o/{cast.maya.slug}/runs/{uuid7()}"

    answer = cast.maya.client().get(address, headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM_TYPE)
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["nothing", "runs/not-an-id", "runs/x/y/z"])
def test_an_address_of_the_api_that_does_not_exist_is_a_problem_too(cast: Cast, path: str) -> None:
    answer = cast.maya.client().get(f"/api/v1/o/{cast.maya.slug}/{path}")

    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM_TYPE)
    assert answer.json()["code"] == "not_found"


def test_an_api_call_without_a_sign_in_is_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/o/anybody/runs/")

    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM_TYPE)


def test_a_body_that_is_no_json_is_named(cast: Cast) -> None:
    client = cast.maya.client()
    made = client.post(f"/api/v1/o/{cast.maya.slug}/conversations/", content_type="application/json")
    address = f"/api/v1/o/{cast.maya.slug}/conversations/{made.json()['id']}/messages"

    for body in ("{", "[]", "null", '{"text": 5}', '{"client_id": "x", "text": "hello"}'):
        answer = client.post(address, data=body, content_type="application/json")
        assert answer.status_code in {400, 422}, body
        assert answer["Content-Type"] == PROBLEM_TYPE, body
        assert answer.json()["code"] in {"malformed", "invalid"}, body


def test_an_address_that_does_not_exist_is_a_page(cast: Cast) -> None:
    answer = cast.maya.client().get(f"/o/{cast.maya.slug}/nothing/")

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert b"<html" in answer.content


def test_a_failure_says_its_own_words_or_those_of_its_kind() -> None:
    assert str(NotFound()) == str(NotFound.message)
    assert str(NotFound("No such shelf.")) == "No such shelf."


def test_a_failure_can_be_told_apart_by_programs() -> None:
    error = JarvisError("Away.", code="away", retryable=True)

    assert (error.code, error.retryable) == ("away", True)
    assert (JarvisError().code, JarvisError().retryable) == ("error", False)
    assert Unavailable().retryable


@pytest.mark.parametrize(("accept", "kind"), [("text/html", "text/html"), ("application/json", PROBLEM_TYPE)])
def test_a_bug_is_told_in_the_callers_form_without_its_details(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, accept: str, kind: str
) -> None:
    def break_down(**_: object) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr("agents.views.page.run_get", break_down)
    client = cast.maya.client()
    client.raise_request_exception = False

    answer = client.get(f"/o/{cast.maya.slug}/runs/{uuid7()}/", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (500, kind)
    assert b"secret of the house" not in answer.content
