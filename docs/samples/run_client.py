#!/usr/bin/env python3
"""Have Jarvis do something, watch it, and answer what it asks, from a terminal.

    export JARVIS_API_KEY=jv_key_...
    run_client.py https://jarvis.example/o/halden-roe "Invite Raj to a call on Friday at 3"
    run_client.py https://jarvis.example/o/halden-roe --plan plan.json
    run_client.py https://jarvis.example/o/halden-roe --run 0199b2c4-...

It shows what a program needs: starting with an idempotency key, so that a request whose answer was lost can be sent
again; following events with resume; approving, and answering questions. Python 3.10 or newer, nothing else.

Exit status: 0 done, 1 failed, 2 wrong use, 3 nothing to carry out, 4 stopped, 5 somebody has to answer, 6 the API
refused or cannot be reached, 130 interrupted (the run goes on).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

DONE, FAILED, USAGE, NOTHING, STOPPED, ASKED, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130
ENDS = {"succeeded": DONE, "failed": FAILED, "cancelled": STOPPED}
# The server says every five seconds that it is there: who hears nothing for so long is cut off.
SILENCE_SECONDS = 20
ANSWER_SECONDS = 30
POLL_SECONDS = 1.0
# Over so long (about two minutes) a server that is away, or starts anew, is waited for.
TRIES, LONGEST_PAUSE_SECONDS = 12, 15.0
MAY_PASS = {429, 502, 503, 504}


class Problem(Exception):
    """The API said no: problem+json (RFC 9457)."""

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        super().__init__(str(told.get("title") or f"HTTP {status}"))
        self.status = status
        self.told = told

    @property
    def may_pass(self) -> bool:
        """The same request can succeed later: the API says so, or a proxy in front of it has no answer from it."""
        return bool(self.told.get("retryable", self.status in MAY_PASS))


class Unreachable(Exception):
    pass


class NeedsAnswer(Exception):
    pass


class Api:
    """The organization's part of the API."""

    def __init__(self, organization: str, key: str) -> None:
        parts = re.fullmatch(r"(https?://[^/]+)(?:/api/v1)?/o/([-a-zA-Z0-9_]+)/?.*", organization)
        if parts is None:
            raise ValueError("The address has to look like https://jarvis.example/o/my-organization")
        self.site = parts[1]
        self.root = f"{parts[1]}/api/v1/o/{parts[2]}/"
        self._key = key

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send it until an answer comes. With the same idempotency key it is done once, however often it is sent."""
        return self._ask("POST", path, body)

    def events(self, run: str, after: int) -> Any:
        """Open the stream of a run's events after a number; None when there is nothing more to come."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        answer = self._open("GET", f"runs/{run}/events/stream", None, headers, SILENCE_SECONDS)
        if answer.status == HTTPStatus.NO_CONTENT:
            answer.close()
            return None
        return answer

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Accept": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for pause in pauses():
            try:
                with self._open(method, path, body, headers, ANSWER_SECONDS) as answer:
                    return json.loads(answer.read() or b"null")
            except Problem as problem:
                if not problem.may_pass:
                    raise
            except (OSError, ValueError):  # cut off, also in the middle of the answer
                pass
            time.sleep(pause)
        raise Unreachable(f"{self.site} does not answer.")

    def _open(self, method: str, path: str, body: Any, headers: dict[str, str], seconds: float) -> Any:
        """Raises Problem; OSError when the connection fails."""
        address = urllib.parse.urljoin(self.root, path)
        data = None if body is None else json.dumps(body).encode()
        all_headers = {**headers, "Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(address, data=data, headers=all_headers, method=method)  # noqa: S310
        try:
            return urllib.request.urlopen(request, timeout=seconds)  # noqa: S310 - the address is the person's own
        except urllib.error.HTTPError as error:
            with error:
                raise Problem(error.code, _json(error.read())) from None


def _json(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def pauses() -> Iterator[float]:
    """How long to wait before each further try: longer each time."""
    for number in range(TRIES):
        yield min(0.25 * 2**number, LONGEST_PAUSE_SECONDS)


def follow(api: Api, run: str, show: Callable[[dict[str, Any]], None]) -> str:
    """Show every event of a run once, in order, whatever happens to the connection. Returns the state it ends in."""
    number, tries = 0, pauses()
    while True:
        try:
            stream = api.events(run, number)
            if stream is None:
                return str(api.get(f"runs/{run}")["state"])
            with stream:
                for kind, data in read_events(stream):
                    if kind == "over":
                        return str(data["state"])
                    number, tries = int(data["number"]), pauses()
                    show(data)
        except Problem as problem:
            if not problem.may_pass:
                raise
        except OSError as error:
            say("2", f"The connection broke ({error}); going on after event {number}.")
        pause = next(tries, None)
        if pause is None:
            raise Unreachable(f"{api.site} does not answer.")
        time.sleep(pause)


def read_events(stream: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events: lines with a field each, a blank line after each event, comments that begin with a colon."""
    fields: dict[str, str] = {}
    for line in stream:
        text = line.decode().rstrip("\r\n")
        if not text:
            if fields.get("event") == "refused":  # no longer allowed to listen, or not now
                told = json.loads(fields["data"])
                raise Problem(told["status"], told)
            if "data" in fields:
                yield fields.get("event", "message"), json.loads(fields["data"])
            fields = {}
        elif not text.startswith(":"):
            name, _colon, value = text.partition(":")
            fields[name] = value.removeprefix(" ")


# The terminal -------------------------------------------------------------------------------------------------------


def say(colour: str, text: str) -> None:
    """Print a line, in a colour (an ANSI number) on a terminal. What others have written cannot steer the terminal."""
    clean = "".join(char for char in text if char.isprintable() or char in "\n\t")
    coloured = colour and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    sys.stdout.write(f"\033[{colour}m{clean}\033[0m\n" if coloured else f"{clean}\n")
    sys.stdout.flush()


def complain(text: object) -> None:
    sys.stderr.write(f"{text}\n")


class Person:
    """Whoever sits at the terminal, or nobody."""

    def __init__(self, *, there: bool) -> None:
        self._there = there

    def asked(self, question: str) -> str:
        """Raises NeedsAnswer when nobody can answer."""
        if not self._there:
            raise NeedsAnswer
        sys.stdout.write(f"{question} ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise NeedsAnswer
        return line.strip()

    def chooses(self, question: str, choices: dict[str, str]) -> str:
        """One of the choices, by its key; `choices` says what each means."""
        shown = ", ".join(f"[{key}] {meaning}" for key, meaning in choices.items())
        while (answer := self.asked(f"{question} {shown}:")) not in choices:
            say("33", "One of: " + ", ".join(choices))
        return answer


def started(api: Api, person: Person, wanted: argparse.Namespace) -> str | None:
    """The id of the run; None when the words came to nothing that can be carried out."""
    if wanted.run:
        return str(wanted.run)
    if wanted.plan:
        plan = json.loads(Path(wanted.plan).read_text(encoding="utf-8"))
        return str(api.post("runs/", {"plan": plan, "approval": wanted.approval})["id"])
    place = api.post("runs/", {"words": wanted.words})["answer"]
    while True:
        answer = api.get(place)
        if answer["state"] == "planning":
            time.sleep(POLL_SECONDS)
            continue
        if answer["text"]:
            say("36", answer["text"])
        if answer["state"] == "planned":
            return str(answer["run_id"])
        if answer["state"] != "question":
            return None
        for option in answer["options"]:
            say("", f"  - {option}")
        room = f"conversations/{answer['conversation_id']}/messages"
        said = api.post(room, {"text": person.asked(">")})
        place = f"{room}/{said['id']}/answer"


def show_plan(plan: dict[str, Any]) -> None:
    say("1", plan["goal"])
    for number, step in enumerate(plan["steps"], 1):
        say("", f"  {number}. {step['title']}  ({step['tool']})")


def settle(api: Api, person: Person, run: str) -> None:
    """Put everything that the run waits for to the person."""
    for consent in api.get("approvals/"):
        if consent["run_id"] == run:
            decide(api, person, consent)
    for task in api.get("tasks/"):
        if task["run_id"] == run:
            answer(api, person, task)


def decide(api: Api, person: Person, consent: dict[str, Any]) -> None:
    whole = consent["kind"] == "plan"
    say("33;1", f"May it? {consent['title']}")
    say("", f"  {consent['rule_reason']}  Risk: {consent['risk']}")
    if whole:
        show_plan(consent["arguments"])
    else:
        say("", f"  {consent['tool']} {json.dumps(consent['arguments'], ensure_ascii=False, indent=2)}")
    choices = {"a": "approve", **({"r": "only what reads"} if whole else {}), "d": "deny"}
    chosen = {"a": "approve", "r": "reads", "d": "deny"}[person.chooses("", choices)]
    reason = person.asked("Why not? (may be empty)") if chosen == "deny" else ""
    settled(lambda: api.post(f"approvals/{consent['id']}/decision", {"decision": chosen, "reason": reason}))


def answer(api: Api, person: Person, task: dict[str, Any]) -> None:
    form = task["form"]
    say("33;1", task["title"])
    say("", form.get("text", ""))
    while True:
        values = {field["name"]: typed for field in form.get("fields", []) if (typed := filled(person, field)) != ""}
        buttons = {one["id"]: one["label"] for one in form.get("buttons", [])}
        body = {"button": person.chooses("", buttons) if buttons else "", "values": values}
        try:
            settled(lambda body=body: api.post(f"tasks/{task['id']}/answer", body))  # type: ignore[misc]  # bound now
        except Problem as problem:
            if problem.told.get("code") != "bad_answer":
                raise
            say("31", str(problem))
        else:
            return


def filled(person: Person, field: dict[str, Any]) -> Any:
    options = f" ({', '.join(field['options'])})" if field.get("options") else ""
    typed = person.asked(f"{field.get('label', field['name'])}{options}:")
    return typed_as(field.get("type", "text"), typed) if typed else ""


def typed_as(kind: str, text: str) -> Any:
    if kind == "yes_no":
        return text.lower() in {"y", "yes", "true", "1"}
    try:
        return float(text) if kind == "number" else text
    except ValueError:
        return text  # the API says what is wrong with it


def settled(act: Callable[[], Any]) -> None:
    """Do it; somebody may have answered elsewhere in the meantime."""
    try:
        act()
    except Problem as problem:
        if problem.status != HTTPStatus.CONFLICT:
            raise
        say("2", str(problem))


def watched(api: Api, person: Person, run: str) -> int:
    """Show the run until it is over, and return the exit status."""
    colours = {"succeeded": "32", "failed": "31", "asking": "33", "waiting": "33"}
    titles: dict[str, str] = {}

    def show(event: dict[str, Any]) -> None:
        if event["step"] and event["step"] not in titles:
            titles.update({step["key"]: step["title"] for step in api.get(f"runs/{run}")["steps"]})
        told = " ".join(str(event["data"][name]) for name in ("message", "reason") if event["data"].get(name))
        line = f"{event['number']:>4}  {event['at'][11:19]}  {event['kind']:<20} {titles.get(event['step'], '')} {told}"
        say(colours.get(event["kind"].rpartition(".")[2], "2"), line.rstrip())
        if event["kind"] in {
            "run.started",
            "run.waiting",
            "run.sleeping",
            "step.asking",
            "step.sleeping",
            "plan.changed",
        }:
            settle(api, person, run)

    state = follow(api, run, show)
    for step in api.get(f"runs/{run}")["steps"]:
        words = step["output"].get("words") if isinstance(step["output"], dict) else None
        if words:
            say("36", words)
    for made in api.get(f"runs/{run}/artifacts"):
        say("32", f"{made['kind']}: {made['title']}")
    say("1", f"The run is over: {state}.")
    return ENDS.get(state, FAILED)


def arguments(given: list[str] | None) -> argparse.Namespace:
    about, _blank, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("organization", help="its address, as in the browser: https://jarvis.example/o/halden-roe")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("words", nargs="?", help="what is to be done")
    what.add_argument("--plan", metavar="FILE", help="carry out a plan: JSON with goal and steps")
    what.add_argument("--run", metavar="ID", help="follow a run that is there already")
    parser.add_argument("--approval", choices=["plan", "steps"], default="plan", help="of a plan (default: as a whole)")
    parser.add_argument(
        "--no-input", action="store_true", help="ask nobody: end with status 5 where an answer is needed"
    )
    return parser.parse_args(given)


def carried_out(wanted: argparse.Namespace, key: str) -> int:
    """Raises Problem and Unreachable, OSError and ValueError (the plan's file, or the address)."""
    api, person = Api(wanted.organization, key), Person(there=not wanted.no_input)
    try:
        wanted.run = started(api, person, wanted)
        if wanted.run is None:
            return NOTHING
        say("2", f"Run {wanted.run}")
        return watched(api, person, wanted.run)
    except NeedsAnswer:
        complain("Somebody has to answer.")
        return ASKED
    except KeyboardInterrupt:
        complain("")
        return INTERRUPTED


def main(given: list[str] | None = None) -> int:
    wanted = arguments(given)
    key = os.environ.get("JARVIS_API_KEY", "")
    if not key:
        complain("Set JARVIS_API_KEY: Settings, API keys, New key.")
        return USAGE
    status = REFUSED
    try:
        status = carried_out(wanted, key)
    except Problem as problem:
        complain(f"{problem} ({problem.told.get('code', problem.status)})")
        for fault in problem.told.get("faults", []):
            complain(f"  step {fault['step'] or '-'}: {fault['message']} ({fault['code']})")
    except Unreachable as error:
        complain(error)
    except (OSError, ValueError) as error:
        complain(error)
        status = USAGE
    if wanted.run and status in {ASKED, INTERRUPTED, REFUSED}:
        complain(f"To go on with it: --run {wanted.run}")
    return status


if __name__ == "__main__":
    sys.exit(main())
