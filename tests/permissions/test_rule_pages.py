"""The pages of an organization's rules: writing, trying, enforcing, explaining."""

from html import unescape
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from jarvis_site.audit.models import AuditEvent
from jarvis_site.kernel.tenancy import tenant
from permissions.contracts import RuleState, Verdict
from permissions.models import DataLabel, PolicyRule
from tests.cast import Cast, Person
from tests.permissions.rulebook import call, made, policy_version, read, recorded, rule_row

pytestmark = pytest.mark.django_db

FIELDS = {"name": "Ask before mail", "effect": "ask", "tools": ["mail.send"], "quorum": "1", "own_answer": "on"}


def page(person: Person, path: str = "") -> str:
    return f"/o/{person.slug}/settings/rules/{path}"


def text(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def written(person: Person, **fields: Any) -> Any:
    return person.client(proven=True).post(page(person, "new/"), {**FIELDS, **fields})


def only_rule(person: Person) -> PolicyRule:
    with tenant(person.organization.id):
        return PolicyRule.objects.get()


def test_an_admin_writes_a_rule_without_knowing_a_language(cast: Cast) -> None:
    reply = written(
        cast.tomas, answers=[f"member:{cast.maya.membership.id}"], weekdays=["6", "7"], from_time="22:00",
        until_time="06:00", escalate_minutes="30", later=["role:admin"], roles=["member"], own_answer="",
    )  # fmt: skip
    rule = only_rule(cast.tomas)
    assert (reply.status_code, rule.state) == (HTTPStatus.FOUND, "draft")
    shown = text(cast.tomas.client().get(reply["Location"]))
    assert (
        "When somebody with the role Member wants “Send mail” and it is Saturday or Sunday between 22:00 and 06:00, "
        "Maya Lindqvist is asked first, the one it is done for does not count and after 30 minutes without an answer "
        "somebody with the role Administrator is asked as well."
    ).replace("Send mail", _title("mail.send")) in shown


def _title(name: str) -> str:
    from permissions.selectors.catalogue import tools_known

    return next(tool.title for tool in tools_known() if tool.name == name)


def test_what_was_written_comes_back_into_the_form(cast: Cast) -> None:
    written(cast.tomas, patterns="files.*\ncalendar.cancel_*", from_time="08:00", until_time="12:30", proof="on")
    rule = only_rule(cast.tomas)
    form = cast.tomas.client(proven=True).get(page(cast.tomas, f"{rule.id}/change/"))
    assert "files.*\ncalendar.cancel_*" in form.content.decode()
    assert 'value="08:00"' in text(form)
    assert 'value="12:30"' in text(form)
    assert (rule.tools, rule.from_minute, rule.until_minute) == (
        ["mail.send", "files.*", "calendar.cancel_*"],
        480,
        750,
    )


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("context.people >", "The condition cannot be read"),
        ("true) || (true", "closes a bracket"),
        ("true // nobody", "may not hold a comment"),
        ("x" * 1_001, "at most 1000 characters"),
        ("(" * 21 + "true" + ")" * 21, "more than 20 brackets"),
    ],
)
def test_the_problem_of_a_condition_stands_beside_its_field(cast: Cast, condition: str, words: str) -> None:
    reply = written(cast.tomas, condition=condition)
    assert reply.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    errors = reply.context["form"].errors
    assert words in str(errors["condition"])
    assert 'aria-invalid="true"' in text(reply)
    with tenant(cast.halden.id):
        assert not PolicyRule.objects.exists()


def test_a_quorum_that_nobody_could_reach_is_refused_with_a_number(cast: Cast) -> None:
    reply = written(cast.tomas, answers=["role:admin"], quorum="2")
    assert "2 people have to agree, but only 1 can answer" in text(reply)
    # Tomas is the only other one in charge when Maya asks.
    reply = written(cast.tomas, answers=["role:owner", "role:admin"], quorum="2", own_answer="")
    assert "besides the one it is done for, but there may be only 1" in text(reply)
    assert written(cast.tomas, answers=["role:owner", "role:admin"], quorum="2").status_code == HTTPStatus.FOUND


def test_nothing_is_changed_without_a_fresh_proof(cast: Cast) -> None:
    rule = made(cast.tomas, RuleState.DRAFT)
    client = cast.tomas.client()
    for path, fields in (
        ("new/", FIELDS),
        (f"{rule.id}/change/", FIELDS),
        (f"{rule.id}/state/", {"state": "enforced"}),
        (f"{rule.id}/retire/", {}),
        ("labels/", {"label": "finance", "tool": "files.*"}),
    ):
        client.post(page(cast.tomas, path), fields)
    row = rule_row(cast.tomas, rule.id)
    assert (row.name, row.state, row.retired_at) == (rule.name, "draft", None)
    with tenant(cast.halden.id):
        assert (PolicyRule.objects.count(), DataLabel.objects.count()) == (1, 0)


def test_a_member_reads_rules_but_neither_changes_them_nor_sees_the_calls_of_others(cast: Cast) -> None:
    rule = made(cast.maya, name="No mail at night", effect=Verdict.DENY)
    record = recorded(cast.maya, call(tool="mail.search"), Verdict.DENY, rule=f"rule:{rule.id}")
    client = cast.priya.client(proven=True)
    assert "No mail at night" in text(client.get(page(cast.priya)))
    shown = text(client.get(page(cast.priya, f"{rule.id}/?try=1")))
    assert "1 call in the last 30 days" in shown
    assert "mail.search" not in shown
    assert client.get(page(cast.priya, f"decisions/{record.id}/")).status_code == HTTPStatus.NOT_FOUND
    for path in ("new/", f"{rule.id}/change/", f"{rule.id}/state/", f"{rule.id}/retire/", "labels/"):
        assert client.post(page(cast.priya, path), FIELDS).status_code == HTTPStatus.FORBIDDEN
    explained = client.post(page(cast.priya, "explain/"), {"tool": "mail.send", "member": cast.maya.membership.id})
    assert explained.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_rule_goes_through_the_shadow_before_it_decides(cast: Cast) -> None:
    rule = made(cast.tomas, RuleState.DRAFT, effect=Verdict.DENY)
    client = cast.tomas.client(proven=True)
    client.post(page(cast.tomas, f"{rule.id}/state/"), {"state": "shadow"})
    recorded(cast.maya, read(), Verdict.ALLOW, shadow={str(rule.id): "deny"})
    recorded(cast.maya, call(), Verdict.DENY, shadow={str(rule.id): "deny"})
    recorded(cast.maya, call(), Verdict.ALLOW)
    shown = text(client.get(page(cast.tomas, f"{rule.id}/")))
    assert "2 calls in the last 30 days · for 1 of them more than what was decided" in shown
    assert "would have said something about 2 calls" in text(client.get(page(cast.tomas)))
    assert policy_version(cast.tomas) == 0, "what people have answered still holds"
    client.post(page(cast.tomas, f"{rule.id}/state/"), {"state": "enforced"})
    assert rule_row(cast.tomas, rule.id).state == "enforced"
    assert policy_version(cast.tomas) == 1


def test_trying_a_rule_stores_nothing_and_lists_what_would_change(cast: Cast) -> None:
    own = recorded(cast.tomas, read())
    for _number in range(29):
        recorded(cast.maya, read())
    recorded(cast.maya, call(), Verdict.ASK, rule="reaches-people")
    fields = {**FIELDS, "tools": ["calendar.list_events"], "effect": "deny", "try": "1"}
    client = cast.tomas.client()
    shown = text(client.post(page(cast.tomas, "new/"), fields))
    assert '<strong class="num">30</strong> refused' in shown
    assert "all 31 calls" in shown
    assert "Page 1 of 2" in shown
    second = text(client.post(page(cast.tomas, "new/"), {**fields, "page": "2"}))
    assert f"/o/{cast.tomas.slug}/runs/{own.run_id}/" in second
    with tenant(cast.halden.id):
        assert not PolicyRule.objects.exists()


def test_the_explanation_of_a_call_names_the_rule_and_everything_that_was_looked_at(cast: Cast) -> None:
    made(cast.maya, name="Never on my watch", effect=Verdict.DENY, tools=("mail.*",))
    fields = {"tool": "mail.send", "member": str(cast.priya.membership.id), "arguments": '{"to": ["a@b.example"]}'}
    reply = cast.tomas.client().post(page(cast.tomas, "explain/"), fields)
    shown = text(reply)
    assert "The organization's rule “Never on my watch”." in shown
    assert "It reaches a@b.example." in shown
    assert reply.context["found"].decision.verdict is Verdict.DENY
    assert "What is in somebody else's call is theirs to see." in shown
    assert '"to"' not in shown.partition("A call that is not made")[0]


@pytest.mark.parametrize("arguments", ["{", "[1]", "[" * 5_000, "NaN", '{"a":' * 60 + "1" + "}" * 60])
def test_what_is_no_call_is_not_explained(cast: Cast, arguments: str) -> None:
    fields = {"tool": "mail.send", "member": str(cast.tomas.membership.id), "arguments": arguments}
    reply = cast.tomas.client().post(page(cast.tomas, "explain/"), fields)
    assert reply.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_recorded_decision_says_when_the_rules_are_others_now(cast: Cast) -> None:
    record = recorded(cast.maya, read(), Verdict.ALLOW, rule="reads")
    path = page(cast.maya, f"decisions/{record.id}/")
    assert "with the same answer" in text(cast.maya.client().get(path))
    made(cast.maya, effect=Verdict.DENY)
    shown = text(cast.maya.client().get(path))
    assert "It was decided otherwise, or by other rules, then." in shown


def test_labels_are_made_used_and_removed(cast: Cast) -> None:
    client = cast.tomas.client(proven=True)
    fields = {"label": "finance", "tool": "files.*", "argument": "path", "pattern": "finance/*"}
    assert client.post(page(cast.tomas, "labels/"), fields).status_code == HTTPStatus.FOUND
    assert "path: finance/*" in text(client.get(page(cast.tomas, "labels/")))
    assert 'value="finance"' in text(client.get(page(cast.tomas, "new/")))
    with tenant(cast.halden.id):
        label = DataLabel.objects.get()
    client.post(page(cast.tomas, f"labels/{label.id}/remove/"))
    assert "path: finance/*" not in text(client.get(page(cast.tomas, "labels/")))
    assert "Name both the argument" in text(client.post(page(cast.tomas, "labels/"), {**fields, "pattern": ""}))


def test_the_record_holds_a_digest_of_the_whole_rule_and_its_name_only_among_the_words(cast: Cast) -> None:
    client = cast.tomas.client(proven=True)
    written(cast.tomas, name="Secret name")
    rule = only_rule(cast.tomas)
    client.post(page(cast.tomas, f"{rule.id}/change/"), {**FIELDS, "name": "Secret name", "quorum": "1", "proof": "on"})
    client.post(page(cast.tomas, f"{rule.id}/state/"), {"state": "enforced"})
    client.post(page(cast.tomas, f"{rule.id}/retire/"))
    with tenant(cast.halden.id):
        rows = list(AuditEvent.objects.filter(action__startswith="rule.").order_by("at", "id"))
    assert [row.action for row in rows] == ["rule.made", "rule.changed", "rule.state_changed", "rule.retired"]
    assert all(len(row.details["digest"]) == 64 for row in rows)
    assert rows[1].details["before"] == rows[0].details["digest"] != rows[1].details["digest"]
    assert "Secret name" not in str([row.details for row in rows])


def test_a_stranger_gets_404(cast: Cast) -> None:
    rule = made(cast.maya)
    client: Client = cast.karim.client(proven=True)
    for path in ("", "new/", "labels/", "explain/", f"{rule.id}/", f"{rule.id}/change/"):
        assert client.get(page(cast.maya, path)).status_code == HTTPStatus.NOT_FOUND
    # Nor through their own organization.
    assert client.get(page(cast.karim, f"{rule.id}/")).status_code == HTTPStatus.NOT_FOUND
