"""What a person sees of a call before they answer."""

import pytest

from permissions.payloads import payload
from tests.agents.servers.mail_calls import INVITATION

INSIDERS = {"tomas@halden.example": "Tomas Okafor"}


def mail(**arguments: object) -> dict[str, object]:
    return {"to": ["raj@example.com"], "subject": "Call", "body": "Hello", **arguments}


def test_people_of_the_organization_are_named_and_others_are_marked() -> None:
    shown = payload(
        tool="mail.send",
        arguments=mail(to=["raj@example.com", "Tomas@halden.example"], cc=["ana@example.com"]),
        insiders=INSIDERS,
    )
    told = [(person.address, person.name, person.outside) for person in shown.values["to"] + shown.values["cc"]]
    assert told == [
        ("raj@example.com", "", True),
        ("Tomas@halden.example", "Tomas Okafor", False),
        ("ana@example.com", "", True),
    ]
    assert shown.summary == "To 3 people, 2 of them outside your organization"


@pytest.mark.parametrize(
    ("to", "summary"),
    [
        (["raj@example.com"], "To 1 person outside your organization"),
        (["tomas@halden.example"], "To 1 person"),
        (["raj@example.com", "ana@example.com"], "To 2 people outside your organization"),
    ],
)
def test_recipients_are_counted(to: list[str], summary: str) -> None:
    assert payload(tool="mail.send", arguments=mail(to=to), insiders=INSIDERS).summary == summary


def test_an_invitation_is_read_as_its_receiver_would_see_it() -> None:
    event = payload(tool="mail.send", arguments=mail(invitation=INVITATION), insiders={}).values["invitation"]
    assert (event.title, event.attendees) == ("Call with Raj \u00e6\u00f8\u00e5", ("raj@example.com",))
    assert event.when == "Sunday 22 November 2026, 14:00 to 14:30"  # UTC, the reader's zone here


def test_whole_days_are_the_same_in_every_zone() -> None:
    text = INVITATION.replace("DTSTART;TZID=Europe/Oslo:20261122T150000", "DTSTART;VALUE=DATE:20261122").replace(
        "DTEND;TZID=Europe/Oslo:20261122T153000", "DTEND;VALUE=DATE:20261124"
    )
    event = payload(tool="mail.send", arguments=mail(invitation=text), insiders={}).values["invitation"]
    assert event.when == "Sunday 22 November 2026 to Monday 23 November 2026"


@pytest.mark.parametrize("text", ["no calendar", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", INVITATION[:120]])
def test_what_is_no_invitation_is_shown_as_it_is(text: str) -> None:
    shown = payload(tool="mail.send", arguments=mail(invitation=text), insiders={})
    assert shown.values["invitation"] is None
    assert [fact.name for fact in shown.facts] == ["Invitation"]


@pytest.mark.parametrize(
    ("char", "name"),
    [
        ("\u202e", "right-to-left override"),
        ("\u200b", "zero width space"),
        ("\u2066", "left-to-right isolate"),
        ("\u00ad", "soft hyphen"),
        ("\u3164", "hangul filler"),
        ("\u2028", "line separator"),
        ("\ue000", "u+e000"),
        ("\x1b", "u+001b"),
        ("\U000e0041", "tag latin capital letter a"),
    ],
)
def test_hidden_characters_are_shown_by_name(char: str, name: str) -> None:
    shown = payload(tool="mail.send", arguments=mail(body=f"pay{char}pal", subject=f"{char}Hi"), insiders={})
    assert shown.values["body"] == f"pay⟨{name}⟩pal"
    assert shown.hidden_marks == 2
    assert char not in shown.raw


def test_hidden_characters_are_found_in_addresses_in_invitations_and_in_names_of_arguments() -> None:
    letter = payload(tool="mail.send", arguments=mail(to=["raj\u200b@example.com"]), insiders={})
    assert letter.values["to"][0].address == "raj⟨zero width space⟩@example.com"
    invitation = INVITATION.replace("Call with Raj", "Call\u202ewith Raj")
    event = payload(tool="mail.send", arguments=mail(invitation=invitation), insiders={})
    assert event.values["invitation"].title.startswith("Call⟨right-to-left override⟩with")
    assert event.hidden_marks == 1
    odd = payload(tool="other.tool", arguments={"deep": [{"pa\u200bth": "x"}]}, insiders={})
    assert odd.hidden_marks == 1


def test_line_ends_of_mails_and_calendars_are_not_hidden_characters() -> None:
    assert payload(tool="mail.send", arguments=mail(body="a\r\nb\n\tc"), insiders={}).hidden_marks == 0


def test_every_argument_of_an_unknown_tool_is_shown() -> None:
    arguments = {
        "path": "Clients/Old offer.txt",
        "overwrite": True,
        "nothing": None,
        "names": ["a", "b"],
        "at": "2026-11-22T15:00:00+01:00",
        "text": "one\ntwo",
        "deep": {"x": 1},
    }
    facts = {fact.name: fact.value for fact in payload(tool="x.y", arguments=arguments, insiders={}).facts}
    assert facts["Path"] == "Clients/Old offer.txt"
    assert facts["Overwrite"] == "Yes"
    assert facts["Nothing"] == "—"
    assert facts["Names"] == "a, b"
    assert facts["At"] == "Sunday 22 November 2026, 14:00"
    assert facts["Text"] == "one\ntwo"
    assert '"x": 1' in facts["Deep"]


def test_a_mail_shows_every_argument_that_it_does_not_know() -> None:
    shown = payload(tool="mail.send", arguments=mail(bcc=["spy@example.com"]), insiders={})
    assert [(fact.name, fact.value) for fact in shown.facts] == [("Bcc", "spy@example.com")]
