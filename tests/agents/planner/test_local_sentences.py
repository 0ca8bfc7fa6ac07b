"""Sentences and the steps they become. One row each: the words, the tools, and some of the last step's arguments."""

import pytest

from agents.contracts import TextDelta
from tests.agents.planner.speaking import plan, say

TOMORROW_15 = "2026-11-22T15:00:00+01:00"
TOMORROW_1530 = "2026-11-22T15:30:00+01:00"

CREATE = [
    (
        "set up a call with Ines tomorrow at 3pm",
        {"title": "Call with Ines", "start": TOMORROW_15, "end": TOMORROW_1530},
    ),
    ("Please schedule a meeting with Ines tomorrow at 3", {"title": "Meeting with Ines", "start": TOMORROW_15}),
    ("book a call with Ines for tomorrow at 15:00", {"title": "Call with Ines", "start": TOMORROW_15}),
    ("Could you arrange a video call with Ines tomorrow at 3pm?", {"title": "Video call with Ines"}),
    (
        "put lunch with Ines in my calendar tomorrow at noon",
        {"title": "Lunch with Ines", "end": "2026-11-22T13:00:00+01:00"},
    ),
    ("put dentist in my calendar on friday at 10", {"title": "Dentist", "start": "2026-11-27T10:00:00+01:00"}),
    ("dentist friday at 10", {"title": "Dentist", "end": "2026-11-27T10:30:00+01:00"}),
    ("lunch with Ines on monday at 12:30", {"start": "2026-11-23T12:30:00+01:00", "end": "2026-11-23T13:30:00+01:00"}),
    ("tomorrow at 3pm set up a call with Ines", {"title": "Call with Ines", "start": TOMORROW_15}),
    ("set up a call tomorrow with Ines at 3pm", {"title": "Call with Ines", "start": TOMORROW_15}),
    ("set up a call with Ines tomorrow at 3pm for 45 minutes", {"end": "2026-11-22T15:45:00+01:00"}),
    (
        "set up a 45 minute call with Ines tomorrow at 3pm",
        {"title": "Call with Ines", "end": "2026-11-22T15:45:00+01:00"},
    ),
    (
        "set up a 45-minute call with Ines tomorrow at 3pm",
        {"title": "Call with Ines", "end": "2026-11-22T15:45:00+01:00"},
    ),
    ("meeting with Ines tomorrow from 3 to 4pm", {"start": TOMORROW_15, "end": "2026-11-22T16:00:00+01:00"}),
    ("schedule a workshop on 24 Nov from 9 to 5", {"title": "Workshop", "end": "2026-11-24T17:00:00+01:00"}),
    (
        "schedule a workshop 24.11. 9:00-12:00",
        {"start": "2026-11-24T09:00:00+01:00", "end": "2026-11-24T12:00:00+01:00"},
    ),
    ("schedule a standup every weekday at 9am", {"title": "Standup", "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}),
    (
        "set up a weekly meeting with Ines on monday at 10",
        {"rrule": "FREQ=WEEKLY", "start": "2026-11-23T10:00:00+01:00"},
    ),
    (
        "add a team meeting to my calendar every monday at 10",
        {"title": "Team meeting", "rrule": "FREQ=WEEKLY;BYDAY=MO"},
    ),
    ("plan a project review the first monday of every month at 2pm", {"rrule": "FREQ=MONTHLY;BYDAY=1MO"}),
    ("set up a call with Ines about the budget tomorrow at 3", {"title": "Call with Ines about the budget"}),
    ("schedule lunch with Ines at Luigi's tomorrow at noon", {"location": "Luigi's", "title": "Lunch with Ines"}),
    ("set up a meeting with Ines and Priya tomorrow at 3", {"attendees": ["ines@corp.example", "priya@corp.example"]}),
    ("set up a call with raj@example.com tomorrow at 3", {"attendees": ["raj@example.com"]}),
    ("set up a call with Bob tomorrow at 3", {"title": "Call with Bob"}),
    ("meet Ines tomorrow at 3", {"title": "Meeting with Ines", "start": TOMORROW_15}),
    ("let's meet with Ines tomorrow at half past 3", {"start": "2026-11-22T15:30:00+01:00"}),
    ("call Ines tomorrow at 3pm", {"title": "Call with Ines"}),
    ("invite Ines to lunch tomorrow at noon", {"title": "Lunch with Ines", "attendees": ["ines@corp.example"]}),
    ("I have a dentist appointment on tuesday at quarter to 4", {"start": "2026-11-24T15:45:00+01:00"}),
    ("block tomorrow from 9 to 11", {"title": "Busy", "end": "2026-11-22T11:00:00+01:00"}),
    ("block tomorrow from 9 to 11 for writing", {"title": "Writing", "start": "2026-11-22T09:00:00+01:00"}),
    ("put holiday in my calendar from monday to wednesday", {"all_day": True, "end": "2026-11-26T00:00:00+01:00"}),
    ("add Ines's birthday to my calendar on 3 December", {"all_day": True, "start": "2026-12-03T00:00:00+01:00"}),
    ("create an event called Release party on 18 December at 17:00", {"title": "Release party"}),
    ("schedule a conference all day on friday", {"all_day": True, "start": "2026-11-27T00:00:00+01:00"}),
    ("Schedule a meeting with Ines on 2026-11-24 at 14:15", {"start": "2026-11-24T14:15:00+01:00"}),
    (
        "set up a meeting to discuss the budget with Ines tomorrow at 3",
        {"title": "Meeting with Ines about the budget", "attendees": ["ines@corp.example"]},
    ),
    ("I need a call with Ines tomorrow at 3pm", {"title": "Call with Ines", "start": TOMORROW_15}),
    ("add event Release tomorrow at 3pm", {"title": "Release", "start": TOMORROW_15}),
    ('put "Team offsite" in my calendar from 7 to 9 December', {"all_day": True, "end": "2026-12-10T00:00:00+01:00"}),
    ("set up a call with Ines in 2 hours", {"start": "2026-11-21T12:00:00+01:00"}),
    ("set up a call with Ines next friday at 9", {"start": "2026-11-27T09:00:00+01:00"}),
    ("set up a call with Ines tonight at 8", {"start": "2026-11-21T20:00:00+01:00"}),
]
LOOK = [
    ("what's on tomorrow", "list_events", {"from": "2026-11-22T00:00:00+01:00", "to": "2026-11-23T00:00:00+01:00"}),
    ("What is on my calendar tomorrow?", "list_events", {"from": "2026-11-22T00:00:00+01:00"}),
    ("what do I have on friday", "list_events", {"from": "2026-11-27T00:00:00+01:00"}),
    ("what have I got next week?", "list_events", {"to": "2026-11-30T00:00:00+01:00"}),
    ("show my calendar", "list_events", {"from": "2026-11-21T10:00:00+01:00"}),
    ("show me my meetings next week", "list_events", {"from": "2026-11-23T00:00:00+01:00"}),
    ("list my events on 24 November", "list_events", {"from": "2026-11-24T00:00:00+01:00"}),
    ("do I have any meetings tomorrow?", "list_events", {"to": "2026-11-23T00:00:00+01:00"}),
    ("what's in my calendar this week", "list_events", {"from": "2026-11-16T00:00:00+01:00"}),
    ("my agenda for monday", "list_events", {"from": "2026-11-23T00:00:00+01:00"}),
    ("what does my week look like", "list_events", {}),
    ("what's happening today", "list_events", {"from": "2026-11-21T00:00:00+01:00"}),
    ("what's my next meeting", "list_events", {}),
    (
        "am I free friday afternoon",
        "free_busy",
        {"from": "2026-11-27T12:00:00+01:00", "to": "2026-11-27T18:00:00+01:00"},
    ),
    ("Am I free tomorrow at 3?", "free_busy", {"from": TOMORROW_15, "to": TOMORROW_1530}),
    ("am I busy on monday morning", "free_busy", {"from": "2026-11-23T08:00:00+01:00"}),
    ("when am I free next week", "free_busy", {"to": "2026-11-30T00:00:00+01:00"}),
    ("find me a free slot tomorrow for 45 minutes", "free_busy", {"from": "2026-11-22T00:00:00+01:00"}),
    ("do I have time on tuesday afternoon?", "free_busy", {"from": "2026-11-24T12:00:00+01:00"}),
    ("find the call with Ines", "find_events", {"query": "call Ines"}),
    ("when is the dentist appointment?", "find_events", {"query": "dentist appointment"}),
    ("search my calendar for budget", "find_events", {"query": "budget"}),
    ("when do I meet Ines?", "find_events", {"query": "Ines"}),
    ("find meetings about the budget next week", "find_events", {"query": "budget", "to": "2026-11-30T00:00:00+01:00"}),
]
CHANGE = [
    (
        "move the call with Ines to friday 10am",
        ["move_event"],
        {"query": "call with Ines", "start": "2026-11-27T10:00:00+01:00"},
    ),
    (
        "reschedule my dentist appointment to 24 November at 9:30",
        ["move_event"],
        {"start": "2026-11-24T09:30:00+01:00"},
    ),
    ("please postpone the standup until monday at 10", ["move_event"], {"query": "standup"}),
    ("move lunch with Ines to tomorrow from 1 to 2pm", ["move_event"], {"end": "2026-11-22T14:00:00+01:00"}),
    (
        "move tomorrow's standup to 5pm",
        ["find_events", "move_event"],
        {"start": "2026-11-22T17:00:00+01:00", "event_id": {"$from": "1", "path": "/first_event_id"}},
    ),
    ("cancel the call with Ines", ["cancel_event"], {"query": "call with Ines"}),
    ("delete the dentist appointment from my calendar", ["cancel_event"], {"query": "dentist appointment"}),
    ("call off the team meeting", ["cancel_event"], {"query": "team meeting"}),
    (
        "cancel my meeting tomorrow",
        ["find_events", "cancel_event"],
        {"event_id": {"$from": "1", "path": "/first_event_id"}},
    ),
    (
        "remind me to call the bank tomorrow at 9",
        ["create_reminder"],
        {"text": "call the bank", "due": "2026-11-22T09:00:00+01:00"},
    ),
    (
        "remind me tomorrow at 9 to call the bank",
        ["create_reminder"],
        {"text": "call the bank", "due": "2026-11-22T09:00:00+01:00"},
    ),
    (
        "tomorrow at 9 remind me to call the bank",
        ["create_reminder"],
        {"text": "call the bank", "due": "2026-11-22T09:00:00+01:00"},
    ),
    ("remind me in 10 minutes to stretch", ["create_reminder"], {"due": "2026-11-21T10:10:00+01:00"}),
    (
        "remind me about the budget on friday",
        ["create_reminder"],
        {"text": "the budget", "due": "2026-11-27T09:00:00+01:00"},
    ),
    (
        "set a reminder to pay the rent every month on the 1st at 8",
        ["create_reminder"],
        {"rrule": "FREQ=MONTHLY;BYMONTHDAY=1"},
    ),
    ("don't let me forget to water the plants tonight at 7", ["create_reminder"], {"due": "2026-11-21T19:00:00+01:00"}),
    (
        "remind me tomorrow morning to buy bread and milk",
        ["create_reminder"],
        {"text": "buy bread and milk", "due": "2026-11-22T08:00:00+01:00"},
    ),
    ("remind me every friday at 4pm to write the report", ["create_reminder"], {"rrule": "FREQ=WEEKLY;BYDAY=FR"}),
    ("show my reminders", ["list_reminders"], {"from": None}),
    ("list my reminders", ["list_reminders"], {}),
    ("what are my reminders", ["list_reminders"], {}),
    ("do I have any reminders?", ["list_reminders"], {}),
    ("What reminders do I have for tomorrow?", ["list_reminders"], {"to": "2026-11-23T00:00:00+01:00"}),
    ("Cancel the reminder to call the bank", ["cancel_reminder"], {"query": "call the bank", "from": None}),
    ("delete the reminder about the budget", ["cancel_reminder"], {"query": "the budget"}),
    ("remove the reminder for the rent", ["cancel_reminder"], {"query": "the rent"}),
    ("delete my bank reminder", ["cancel_reminder"], {"query": "bank"}),
    ("call off the reminder to pay the rent", ["cancel_reminder"], {"query": "pay the rent"}),
    ("cancel the reminder set for the rent", ["cancel_reminder"], {"query": "the rent"}),
    ('delete the reminder "call the bank"', ["cancel_reminder"], {"query": "call the bank"}),
    ("stop reminding me to call the bank", ["cancel_reminder"], {"query": "call the bank"}),
    (
        "cancel the reminder to call the bank tomorrow",
        ["cancel_reminder"],
        {"query": "call the bank", "from": "2026-11-22T00:00:00+01:00", "to": "2026-11-23T00:00:00+01:00"},
    ),
    ("cancel my reminder for tomorrow at 9", ["cancel_reminder"], {"query": None, "from": "2026-11-22T09:00:00+01:00"}),
    ("cancel the reminders meeting", ["cancel_event"], {"query": "reminders meeting"}),
    ('delete "Team offsite"', ["cancel_event"], {"query": "Team offsite"}),
    ("delete the document review", ["cancel_event"], {"query": "document review"}),
]
MAIL = [
    (
        "email raj@example.com saying the report is ready",
        ["send"],
        {"to": ["raj@example.com"], "subject": "The report is ready"},
    ),
    ("Send an email to Ines saying hello", ["send"], {"to": ["ines@corp.example"], "subject": "Hello"}),
    ("send Ines an email saying I will be late", ["send"], {"subject": "I will be late"}),
    (
        "mail Ines and Priya about the budget saying the figures are final",
        ["send"],
        {"to": ["ines@corp.example", "priya@corp.example"], "subject": "The budget"},
    ),
    (
        "email ines@corp.example, priya@corp.example: The figures are final. Please check and answer.",
        ["send"],
        {"subject": "The figures are final"},
    ),
    (
        'email Ines "See you at noon, and bring the keys"',
        ["send"],
        {"to": ["ines@corp.example"], "subject": "See you at noon, and bring the keys"},
    ),
    ('send "Thank you for today" to Ines', ["send"], {"subject": "Thank you for today"}),
    ("tell Ines that the meeting moved to friday", ["send"], {"subject": "The meeting moved to friday"}),
    ("let Ines know I am late", ["send"], {"subject": "I am late"}),
    ("send a message to priya with the text we start at 9", ["send"], {"subject": "We start at 9"}),
    ("email myself saying buy milk", ["send"], {"to": ["ada@corp.example"]}),
    ("draft a mail to Ines about the budget saying: Here are the figures.", ["write_draft"], {"subject": "The budget"}),
    ("write an email to raj@example.com saying hello", ["write_draft"], {"to": ["raj@example.com"]}),
    ("prepare a message for Priya saying the room is booked", ["write_draft"], {"subject": "The room is booked"}),
    ("create a draft to Ines saying hello", ["write_draft"], {"to": ["ines@corp.example"]}),
    ("write to Ines that the room is booked", ["write_draft"], {"subject": "The room is booked"}),
    ("find mails from Ines", ["search"], {"from": "ines@corp.example"}),
    ("find mails from Ines about the contract", ["search"], {"from": "ines@corp.example", "query": "the contract"}),
    ("search my inbox for invoice", ["search"], {"query": "invoice"}),
    ("show me the emails about the budget", ["search"], {"query": "the budget"}),
    ("any mail from Priya?", ["search"], {"from": "priya@corp.example"}),
    ("did Ines write?", ["search"], {"from": "ines@corp.example"}),
    ("find invoice in my mailbox", ["search"], {"query": "invoice"}),
    ("look in my mail for the contract", ["search"], {"query": "the contract"}),
    ("show my inbox", ["search"], {"limit": 10}),
    ("show me the last 5 emails", ["search"], {"limit": 5}),
    ("do I have any new mail?", ["search"], {"limit": 10}),
    (
        "read the latest mail from Ines",
        ["search", "read"],
        {"message_id": {"$from": "1", "path": "/messages/0/message_id"}},
    ),
    (
        "open the mail about the contract",
        ["search", "read"],
        {"message_id": {"$from": "1", "path": "/messages/0/message_id"}},
    ),
    ("show my drafts", ["list_drafts"], {}),
    ("what drafts do I have?", ["list_drafts"], {}),
    (
        "email Ines the invitation for the standup",
        ["get_event", "send"],
        {"subject": "Invitation: standup", "invitation": {"$from": "1", "path": "/invitation"}},
    ),
]
FILES = [
    ("list my files", "list", {}),
    ("show me the files in notes/", "list", {"path": "notes/"}),
    ("list the files in the folder reports", "list", {"path": "reports"}),
    ("what files do I have?", "list", {}),
    ("what's in my workspace", "list", {}),
    ("read notes.txt", "read", {"path": "notes.txt"}),
    ("Please open the file notes/plan.md", "read", {"path": "notes/plan.md"}),
    ("show me notes/2026-11-24.md", "read", {"path": "notes/2026-11-24.md"}),
    ("what's in notes.txt?", "read", {"path": "notes.txt"}),
    ("what does notes.txt say", "read", {"path": "notes.txt"}),
    ('read the file "my notes.txt"', "read", {"path": "my notes.txt"}),
    ("read ../../etc/passwd", "read", {"path": "../../etc/passwd"}),
    ("find budget in my files", "find", {"query": "budget"}),
    ("search my files for the budget", "find", {"query": "the budget"}),
    ("find files about travel", "find", {"query": "travel"}),
    ("find the file plan.md", "find", {"query": "plan.md"}),
    ("find budget in notes/", "find", {"query": "budget", "path": "notes/"}),
    ("which files mention Ines?", "find", {"query": "Ines"}),
    (
        "write a file notes/plan.md saying buy milk and eggs",
        "write",
        {"path": "notes/plan.md", "content": "buy milk and eggs"},
    ),
    (
        "create notes/plan.md with: First call Raj. Then read notes.txt and rest.",
        "write",
        {"content": "First call Raj. Then read notes.txt and rest."},
    ),
    ('create a file notes.txt containing "a; b and then c."', "write", {"content": "a; b and then c."}),
    (
        "save buy milk tomorrow at 9 to shopping.txt",
        "write",
        {"path": "shopping.txt", "content": "buy milk tomorrow at 9"},
    ),
    ("make a new text file called todo.txt saying rest", "write", {"path": "todo.txt", "content": "rest"}),
    ("overwrite notes/plan.md with nothing left to do", "write", {"overwrite": True, "content": "nothing left to do"}),
    ("replace notes/plan.md with: Done.", "write", {"overwrite": True, "content": "Done."}),
    ("Delete notes/plan.md", "delete", {"path": "notes/plan.md"}),
    ("delete the file notes/plan.md", "delete", {"path": "notes/plan.md"}),
    ("remove notes.txt from my files", "delete", {"path": "notes.txt"}),
    ('delete the file "my notes"', "delete", {"path": "my notes"}),
    ("delete the folder reports", "delete", {"path": "reports"}),
    ("move notes/plan.md to the trash", "delete", {"path": "notes/plan.md"}),
    ("restore notes/plan.md", "restore", {"path": "notes/plan.md"}),
    ("bring back the file notes/plan.md from the trash", "restore", {"path": "notes/plan.md"}),
]
TOGETHER: list[tuple[str, list[str]]] = [
    ("set up a call with Ines tomorrow at 3 and email her the invitation", ["calendar.create_event", "mail.send"]),
    (
        "Set up a call with Ines and Priya tomorrow at 3pm, then email them the invitation.",
        ["calendar.create_event", "mail.send"],
    ),
    ("schedule lunch with Ines tomorrow at noon; send her the invite", ["calendar.create_event", "mail.send"]),
    ("read notes.txt and then list my files", ["files.read", "files.list"]),
    ("what's on tomorrow and am I free on friday?", ["calendar.list_events", "calendar.free_busy"]),
    (
        "remind me to call the bank tomorrow at 9 and remind me to pay the rent on friday",
        ["calendar.create_reminder"] * 2,
    ),
    ("Cancel the standup. Email Ines saying it is off.", ["calendar.cancel_event", "mail.send"]),
    (
        "move the standup to monday at 10, email Priya saying it moved and write a file log.txt saying moved",
        ["calendar.move_event", "mail.send", "files.write"],
    ),
    ("read notes/plan.md and email ines its content", ["files.read", "mail.send"]),
    ("Schedule a meeting with Ines tomorrow at 3pm, invite Priya too", ["calendar.create_event", "mail.send"]),
    ("email ines and priya saying hello", ["mail.send"]),
    (
        "cancel the reminder to call the bank and remind me to pay the rent on friday",
        ["calendar.cancel_reminder", "calendar.create_reminder"],
    ),
    ("read notes.txt and delete notes.txt", ["files.read", "files.delete"]),
    ("call with Ines and Priya tomorrow at 4", ["calendar.create_event"]),
    ('write notes.txt saying "buy milk and read plan.md" and read notes.txt', ["files.write", "files.read"]),
    (
        "set up a meeting with Ines every monday and wednesday at 10 for 1 hour and 30 minutes",
        ["calendar.create_event"],
    ),
]


def _mail_tool(tool: str) -> str:
    return f"calendar.{tool}" if tool in {"find_events", "get_event"} else f"mail.{tool}"


ALL = [
    *((words, ["calendar.create_event"], arguments) for words, arguments in CREATE),
    *((words, [f"calendar.{tool}"], arguments) for words, tool, arguments in LOOK),
    *((words, [f"calendar.{tool}" for tool in tools], arguments) for words, tools, arguments in CHANGE),
    *((words, [_mail_tool(tool) for tool in tools], arguments) for words, tools, arguments in MAIL),
    *((words, [f"files.{tool}"], arguments) for words, tool, arguments in FILES),
    *((words, tools, {}) for words, tools in TOGETHER),
]
# Said every day, meant for somebody else: no step may come of them.
NOT_UNDERSTOOD = [
    "make me a sandwich",
    "tell me a joke",
    "what is the capital of Norway",
    "book",
    "write",
    "email",
    "lorem ipsum dolor sit amet",
    "asdf",
    "remind Raj to call",
    "and and and then",
    "what is the weather tomorrow?",
    "push the standup back by 30 minutes",
    "reschedule the meeting with Ines to next monday same time",
    "set up a call with Ines tomorrow at 3 and email ines the invitation and remind me 10 minutes before",
    "buy milk tomorrow at 9",
    "the meeting was nice yesterday",
    "I read your notes",
    "set up a call with Ines tomorrow at 3 and buy me a pony",
    "🎉🎉🎉",
    "{when} <calendar> [a|b] (c)",
    "xq0x",
    "SELECT * FROM users; DROP TABLE users",
]


@pytest.mark.parametrize(("words", "tools", "arguments"), ALL, ids=[row[0] for row in ALL])
def test_a_sentence_becomes_steps(words: str, tools: list[str], arguments: dict[str, object]) -> None:
    steps = plan(words).steps
    assert [step.tool for step in steps] == tools
    assert {name: steps[-1].arguments.get(name) for name in arguments} == arguments


@pytest.mark.parametrize("words", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_said_so(words: str) -> None:
    output = say(words)
    assert isinstance(output, TextDelta), output
    assert "I understand sentences like these" in output.text


def test_the_table_is_large_enough() -> None:
    assert len(ALL) >= 120
