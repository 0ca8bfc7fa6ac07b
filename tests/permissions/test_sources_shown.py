"""The card says in plain words where the values of a call come from, and why it is as risky as it is."""

from dataclasses import asdict

import pytest
from django.template.loader import render_to_string

from permissions.contracts import Origin, Source
from permissions.templatetags.sources import ways

MAIL = Source("to", Origin.OUTSIDE, step="2", tool="mail.read", title="Read the mail “Re: invoice”", pointer="/from")


def shown(*sources: Source, reasons: tuple[tuple[str, str], ...] = ()) -> str:
    told = {"sources": [asdict(source) for source in sources], "reasons": [list(reason) for reason in reasons]}
    return " ".join(render_to_string("permissions/sources.html", told).split())


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (
            MAIL,
            "To",
            "Taken from “Read the mail “Re: invoice”” (step 2), which somebody outside may have written",
        ),
        (Source("body", Origin.OUTSIDE), "Text", "Written after text from outside was read; you have not said it"),
        (
            Source("", Origin.OUTSIDE),
            "The step",
            "Planned after text from outside was read; you have not asked for it",
        ),
        (
            Source("event_id", Origin.ORGANIZATION, step="1", tool="calendar.find_events", title="Find the call"),
            "Event id",
            "Taken from “Find the call” (step 1), which is your organization's own",
        ),
        (
            Source("subject", Origin.PERSON, step="3", tool="flow.ask", title="Ask for a subject"),
            "Subject",
            "What a person has answered to “Ask for a subject” (step 3)",
        ),
        (Source("x", Origin.OUTSIDE, step="9", tool="mail.read"), "X", "Taken from “mail.read” (step 9)"),
    ],
)
def test_each_way_has_words(source: Source, name: str, words: str) -> None:
    [way] = ways([asdict(source)])
    assert way.name == name
    assert way.words.startswith(words)
    assert way.outside is (source.origin is Origin.OUTSIDE)


def test_what_is_from_outside_comes_first_and_is_marked() -> None:
    own = Source("body", Origin.ORGANIZATION, step="1", tool="calendar.get_event", title="Look")
    page = shown(own, MAIL, MAIL)
    assert page.count("From outside") == 1
    assert page.index("Re: invoice") < page.index("Look")


def test_the_reasons_are_listed_in_their_order() -> None:
    page = shown(
        reasons=(("many-recipients", "It reaches 40 people at once."), ("outsiders", "3 of them are outside."))
    )
    assert page.index("It reaches 40 people at once.") < page.index("3 of them are outside.")
    assert "Where each value came from" not in page


def test_nothing_is_shown_where_there_is_nothing_to_say() -> None:
    assert shown() == ""


def test_a_title_from_outside_is_text_with_its_hidden_characters_named() -> None:
    page = shown(Source("to", Origin.OUTSIDE, step="1", title="<b>x</b>\u202e"))
    assert "&lt;b&gt;" in page
    assert "right-to-left override" in page
