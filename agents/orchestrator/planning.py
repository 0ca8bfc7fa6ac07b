"""From words to a plan, an answer or a question. Nothing is executed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.contracts import Actor
from accounts.selectors import members_list
from agents import spending
from agents.contracts import Person, Planner, PlanRequest, Proposal, Skill, ToolCall, ToolSpec
from agents.contracts.flow import FLOW_TOOLS
from agents.gateway import calls, catalogue
from agents.orchestrator.callers import caller_of
from agents.planner.hearsay import marked
from agents.planner.local import LocalPlanner
from agents.planner.turns import Reply, converse
from jarvis_site.kernel.ids import uuid7

# Reading the address book must not hold up a reply.
LOOK_UP_TIMEOUT_SECONDS = 3.0
FIND_PEOPLE = "mail.find_people"
LONGEST_QUERY = 500
EXAMPLES_PER_SKILL = 2


def reply_to(request: PlanRequest) -> Iterator[Reply]:
    """Answer the person's words: text, then at most one valid proposal, question or refusal. Nothing is executed."""
    spending.words_begin()
    return _marked(converse(planner=planner(), request=request), request)


def _marked(replies: Iterator[Reply], request: PlanRequest) -> Iterator[Reply]:
    for output in replies:
        yield replace(output, draft=marked(output.draft, request)) if isinstance(output, Proposal) else output


@cache
def planner() -> Planner:
    """The model when one is configured, else the sentences that the tool servers bring."""
    if settings.MODEL_BASE_URL and settings.MODEL_NAME:
        from agents.planner.llm import ModelPlanner  # a slow import that processes without a model never need

        return ModelPlanner(
            base_url=settings.MODEL_BASE_URL,
            api_key=settings.MODEL_API_KEY,
            model=settings.MODEL_NAME,
            timeout_seconds=settings.MODEL_TIMEOUT_SECONDS,
            answer_tokens=settings.MODEL_ANSWER_TOKENS,
            reports_usage=settings.MODEL_REPORTS_USAGE,
            meter=spending.model_call,
        )
    return LocalPlanner(skills())


def skills() -> tuple[Skill, ...]:
    return tuple(import_string(f"{path}.skill.SKILL") for path in settings.TOOL_SERVERS)


def examples() -> tuple[str, ...]:
    """A sentence or two that each tool server understands, to show to a person who has said nothing yet."""
    return tuple(sentence for skill in skills() for sentence in skill.help[:EXAMPLES_PER_SKILL])


def tools() -> tuple[ToolSpec, ...]:
    """All tools of the catalogue, and the steps by which a plan steers itself."""
    return (*catalogue.tools(), *FLOW_TOOLS)


def people_named(*, words: str, actor: Actor) -> tuple[Person, ...]:
    """Whom the words may mean: members of the organization, and contacts that the mail server finds in them."""
    members = tuple(Person(name=member.user.name, email=member.user.email) for member in members_list())
    if catalogue.find(FIND_PEOPLE) is None:
        return members
    call = ToolCall(tool=FIND_PEOPLE, arguments={"query": words[:LONGEST_QUERY]}, idempotency_key=str(uuid7()))
    answer = calls.call(call, caller_of(actor, call, stopped=lambda: False), timeout_seconds=LOOK_UP_TIMEOUT_SECONDS)
    found = answer.data.get("people")
    contacts = found if isinstance(found, list) else []
    known = {person.email for person in members}
    return members + tuple(
        Person(name=str(item["name"]), email=str(item["email"]))
        for item in contacts
        if isinstance(item, dict) and item.get("email") not in known
    )
