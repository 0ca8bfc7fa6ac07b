"""Conversations through pages and forms, without script."""

from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from chat.contracts import MessageState
from chat.models import Conversation, Message
from jarvis_site.kernel.tenancy import tenant
from tests.cast import Cast
from tests.chat.conftest import Talk
from tests.engine import Workers
from tests.model_server import Cut, ModelServer, Text

pytestmark = pytest.mark.django_db(transaction=True)

# Session, user, organization, membership, the list with its marks, the rail's counts and the organizations' menu.
LIST_QUERIES = 16
# The same, and the conversation, its turns, its cards (four) and what is read now.
PAGE_QUERIES = 26
JSON = {"HTTP_ACCEPT": "application/json"}


def test_a_message_is_stored_answered_and_read(cast: Cast, workers: Workers) -> None:
    talk = Talk(cast.maya)
    talk.say("What can you do?")
    assert [message.state for message in talk.messages()] == [MessageState.SENT]
    workers.drain()
    mine, reply = talk.messages()
    assert (mine.state, reply.state) == (MessageState.READ, MessageState.READ)
    assert reply.text
    assert "What can you do?" in talk.page()


def test_the_start_page_takes_words_from_the_address_and_greets_by_name(cast: Cast) -> None:
    page = cast.maya.client().get(f"/o/{cast.halden.slug}/chat/?say=Hello+%3Cb%3E").content.decode()
    assert "Hello &lt;b&gt;</textarea>" in page
    assert "Maya" in page


def test_the_first_line_becomes_the_title_and_the_list_finds_it(cast: Cast) -> None:
    talk = Talk(cast.maya)
    talk.say("Buy milk\nand bread")
    found = talk.client.get(talk.base + "items/?q=BREAD").content.decode()
    nothing = talk.client.get(talk.base + "items/?q=cheese").content.decode()
    assert "Buy milk" in found
    assert "Buy milk" not in nothing


@pytest.mark.parametrize(
    ("words", "found"),
    [("100%", True), ("1%0", False), ("_00%", False), ("\\o/", True), ("ÄRGER", True), ("o", True), ("'; --", False)],
)
def test_words_are_found_as_they_are_written(cast: Cast, words: str, found: bool) -> None:
    talk = Talk(cast.maya)
    talk.say("Title\nDone to 100% \\o/ without ärger")
    page = talk.client.get(talk.base + "items/", {"q": words}).content.decode()
    assert ("Title" in page) is found


def test_the_function_that_finds_words_tells_nothing_of_another_organization(cast: Cast) -> None:
    Talk(cast.ines).say("Bread")
    Talk(cast.maya).say("Bread")
    asked = "SELECT count(*) FROM search_conversations(%s, '%%')"
    with tenant(cast.halden.id), connection.cursor() as cursor:
        for member, count in ((cast.ines, 0), (cast.maya, 1), (cast.priya, 0)):
            cursor.execute(asked, [member.membership.id])
            assert cursor.fetchone() == (count,)
    with connection.cursor() as cursor:
        cursor.execute(asked, [cast.maya.membership.id])
        assert cursor.fetchone() == (0,)


def test_sending_the_same_message_again_stores_it_once(cast: Cast) -> None:
    talk = Talk(cast.maya)
    client_id = str(uuid4())
    talk.say("Hello")
    first = talk.client.post(talk.address + "send/", {"text": "Again", "client_id": client_id}, **JSON)
    second = talk.client.post(talk.address + "send/", {"text": "Again", "client_id": client_id}, **JSON)
    assert first.json() == second.json()
    assert [message.text for message in talk.messages()] == ["Hello", "Again"]


def test_starting_the_same_conversation_again_leads_to_the_first(cast: Cast) -> None:
    talk = Talk(cast.maya)
    sent = {"text": "Hello", "client_id": str(uuid4())}
    first = talk.client.post(talk.base + "new/", sent, **JSON)
    second = talk.client.post(talk.base + "new/", sent, **JSON)
    assert (first.status_code, first.json()) == (201, second.json())


@pytest.mark.parametrize("text", ["", "  \n\t ", "\x00\x07\x1b", "x" * 100_000])
def test_what_cannot_be_sent_is_refused_with_a_sentence_and_leaves_nothing(cast: Cast, text: str) -> None:
    talk = Talk(cast.maya)
    refused = talk.client.post(talk.base + "new/", {"text": text}, **JSON)
    assert refused.status_code == 400
    assert refused.json()["title"]
    with tenant(cast.halden.id):
        assert not Conversation.objects.exists()
    talk.say("Hello")
    assert talk.say(text).status_code == 400
    assert len(talk.messages()) == 1


def test_control_characters_are_left_out_and_the_rest_is_kept(cast: Cast) -> None:
    talk = Talk(cast.maya)
    talk.say("Tab\there\x00\x1b[31m,\r\nnew line, 👩🏽‍💻, سلام")
    assert talk.messages()[0].text == "Tab\there[31m,\nnew line, 👩🏽‍💻, سلام"


def test_messages_are_answered_in_the_order_they_were_sent(cast: Cast, workers: Workers, model: ModelServer) -> None:
    model.script(Text("one"), Text("two"), Text("three"))
    talk = Talk(cast.maya)
    for words in ("first", "second", "third"):
        talk.say(words)
    workers.drain()
    answered = {message.answers_id: message.text for message in talk.messages() if message.answers_id}
    assert [answered[mine.id] for mine in talk.messages() if mine.is_mine] == ["one", "two", "three"]


def test_a_failed_reply_keeps_its_place_and_can_be_tried_again(
    cast: Cast, workers: Workers, model: ModelServer
) -> None:
    model.script(Cut("Half of"), Text("All of it"))
    talk = Talk(cast.maya)
    talk.say("Tell me")
    workers.drain()
    _mine, reply = talk.messages()
    assert reply.state == MessageState.ERROR
    assert "Half of" in reply.text
    again = f"{talk.address}turns/{reply.id}/again/"
    assert again in talk.page()
    assert talk.client.post(again).status_code == 302
    workers.drain()
    after = talk.messages()[1]
    assert (after.id, after.state, after.text) == (reply.id, MessageState.READ, "All of it")
    assert talk.client.post(again).status_code == 409


def test_stopping_keeps_what_was_written_and_the_next_message_is_answered(cast: Cast, workers: Workers) -> None:
    talk = Talk(cast.maya)
    assert talk.say("Hello").status_code == 302
    assert talk.client.post(talk.address + "stop/").status_code == 409
    workers.drain()
    with tenant(cast.halden.id):
        Message.objects.filter(answers__isnull=False).update(state=MessageState.WRITING, text="Half")
        Message.objects.filter(answers__isnull=True).update(state=MessageState.DELIVERED)
    page = talk.page()
    assert 'aria-busy="true"' in page
    assert f'formaction="{talk.address}stop/"' in page
    assert talk.client.post(talk.address + "stop/").status_code == 302
    assert [(item.state, item.text) for item in talk.messages()][1] == (MessageState.STOPPED, "Half")
    talk.say("What can you do?")
    workers.drain()
    assert talk.messages()[-1].state == MessageState.READ


def test_strangers_and_colleagues_see_nothing(cast: Cast) -> None:
    talk = Talk(cast.maya)
    talk.say("A secret")
    message = talk.messages()[0]
    addresses = [talk.address, f"{talk.address}turns/{message.id}/"]
    acts = [f"{talk.address}send/", f"{talk.address}stop/", f"{talk.address}turns/{message.id}/again/"]
    for person in (cast.priya, cast.ines):
        client = person.client()
        assert [client.get(address).status_code for address in addresses] == [404, 404]
        assert [client.post(act, {"text": "x"}).status_code for act in acts] == [404, 404, 404]
        own = f"/o/{person.slug}/chat/"
        assert "A secret" not in client.get(own).content.decode()
        assert client.get(talk.address.replace(cast.halden.slug, person.slug)).status_code == 404
        assert "A secret" not in client.get(f"{own}items/?q=secret").content.decode()
    assert cast.ines.client().get(talk.base).status_code == 404
    assert len(talk.messages()) == 1


def test_a_question_offers_its_answers_as_buttons(cast: Cast, workers: Workers) -> None:
    talk = Talk(cast.maya)
    talk.say("hello")
    workers.drain()
    with tenant(cast.halden.id):
        Message.objects.filter(answers__isnull=False).update(options=["Raj Patel", "<Raj & Co>"])
    page = talk.page()
    assert 'name="text" value="Raj Patel"' in page
    assert "&lt;Raj &amp; Co&gt;" in page


def test_the_number_of_queries_does_not_grow(
    cast: Cast, workers: Workers, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        talk = Talk(cast.maya)
        talk.say(f"Set up a call with raj@example.com on 1 March 2027 at {number + 9}:00")
        talk.say("What can you do?")
        workers.drain()
    talk.client.get(talk.base)
    with django_assert_max_num_queries(LIST_QUERIES):
        talk.client.get(talk.base)
    with django_assert_max_num_queries(PAGE_QUERIES):
        talk.client.get(talk.address)
