"""The planner that asks a language model, at any endpoint that speaks the OpenAI chat completions API.

The only module that imports `openai`. It turns every failure into a `PlannerFailed` with a sentence for the person;
neither the prompt, the key nor the endpoint's own error text goes into messages or logs.
"""

import json
import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Never, cast

import httpx2
import openai
import structlog
from django.utils.translation import gettext as _
from openai.types.chat import ChatCompletionChunk

from agents.contracts import PlanAuthor, PlannerOutput, PlanRequest, TextDelta
from agents.contracts.limits import Charge, Meter, Tokens
from agents.errors import PlannerFailed
from agents.planner.prompts import functions, messages
from agents.planner.replies import Reply, unreadable
from agents.planner.wire import MAX_BYTES, TooLargeError, Wire

SILENCE_SECONDS = 30.0  # a large model may read a long prompt for some seconds; half a minute without a byte is a fault
MAX_TRIES = 3  # a busy endpoint is usually free after a second; beyond that the person is better told
FIRST_WAIT_SECONDS = 0.5  # doubles with every try
MAX_WAIT_SECONDS = 20.0  # a person waits in front of the screen: a longer Retry-After is reported instead of obeyed
DAY_SECONDS = 86_400  # no longer wait is named to the person, whatever the endpoint says
# Bytes that make a token: never fewer in what is sent, so that enough is set aside; about so many where we estimate.
LEAST_BYTES, USUAL_BYTES = 2, 4
NO_KEY = "none"  # servers on one's own machine want no key, the client wants one

log = structlog.get_logger(__name__)


class ModelPlanner:
    """A `Planner` that asks a model.

    Args:
        base_url: of the API, usually ending in `/v1`.
        timeout_seconds: wall-clock time for a whole turn, its retries included.
        silence_seconds: longest wait for the first and for every further byte.
        max_bytes: of all responses in one turn.
        answer_tokens: that a reply may have at most, thinking included.
        reports_usage: the server may be asked what a reply has used.
        meter: counts what is used, and may forbid a call; without one nobody counts.
    """

    author = PlanAuthor.MODEL
    repairs = 2

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        timeout_seconds: float,
        silence_seconds: float = SILENCE_SECONDS,
        max_bytes: int = MAX_BYTES,
        answer_tokens: int = 16_000,
        reports_usage: bool = True,
        meter: Meter | None = None,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key or NO_KEY
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._silence_seconds = min(silence_seconds, timeout_seconds)
        self._max_bytes = max_bytes
        self._answer_tokens = answer_tokens
        self._reports_usage = reports_usage
        self._meter: Meter = meter or _uncounted

    def turn(self, request: PlanRequest) -> Iterator[PlannerOutput]:
        """Yield the text as it arrives, then the plan or the question, if there is one.

        Raises:
            PlannerFailed: the model is down, slow, busy, or its reply was cut.
            LimitReached: the model was not asked, because what may be used is used up.
            PlanUnreadable: the model answered garbage.
        """
        reply = Reply()
        with Wire(
            seconds=self._timeout_seconds, silence_seconds=self._silence_seconds, max_bytes=self._max_bytes
        ) as wire:
            try:
                yield from self._listen(request, reply, wire)
            except (openai.OpenAIError, httpx2.InvalidURL, TooLargeError) as error:
                _fail(error, reply, wire)
            except ValueError:  # the client parses the event stream, and lets the parser's errors through
                log.warning("model_failed", reason="garbage")
                unreadable("bad_stream", "The reply is not a valid event stream.")
        outcome = reply.outcome()
        if outcome is not None:
            yield outcome

    def _listen(self, request: PlanRequest, reply: Reply, wire: Wire) -> Iterator[TextDelta]:
        said, called = messages(request), functions()
        sent = json.dumps([said, called], ensure_ascii=False).encode(errors="surrogatepass")
        size = len(sent)
        most = Tokens(prompt=math.ceil(size / LEAST_BYTES), answer=self._answer_tokens)
        with self._meter(request, most) as charge, self._open(said, called, wire) as stream:
            charge.used = Tokens(prompt=math.ceil(size / USUAL_BYTES), answer=0)
            charge.model, charge.request = self._model, sha256(sent).hexdigest()
            yield from _heard(stream, reply, charge)
        _check_finish(reply, wire)

    def _open(self, said: list[dict[str, str]], called: list[Any], wire: Wire) -> openai.Stream[ChatCompletionChunk]:
        """Start the reply, trying again while the endpoint is only busy.

        The client's own retries are off: it would sleep up to two minutes on a `Retry-After`, past our deadline.
        """
        client = openai.OpenAI(base_url=self._base_url, api_key=self._api_key, http_client=wire.client, max_retries=0)
        for tries in range(1, MAX_TRIES + 1):
            try:
                return client.chat.completions.create(
                    model=self._model,
                    messages=cast("Any", said),
                    tools=cast("Any", called),
                    max_completion_tokens=self._answer_tokens,
                    stream=True,
                    stream_options={"include_usage": True} if self._reports_usage else openai.omit,
                )
            except openai.APIError as error:
                wait = _wait_seconds(error, tries)
                if wait is None or tries == MAX_TRIES or wait > min(MAX_WAIT_SECONDS, wire.remaining):
                    raise
                log.info("model_retried", tries=tries, wait_seconds=round(wait, 2), status=_status(error))
                time.sleep(wait)
        raise AssertionError("the loop returns or raises")


def _heard(stream: openai.Stream[ChatCompletionChunk], reply: Reply, charge: Charge) -> Iterator[TextDelta]:
    """Hand the text on, and keep what the reply has used: as the server says, or by what has arrived."""
    estimate, reported, answer = charge.used or Tokens(0, 0), None, sha256()
    for chunk in stream:
        answer.update(_bytes(chunk))
        charge.answer = answer.hexdigest()
        text = reply.feed(chunk)
        reported = usage_in(chunk) or reported
        charge.used = reported or Tokens(estimate.prompt, math.ceil(reply.characters / USUAL_BYTES))
        if text:
            yield TextDelta(text)


def _bytes(chunk: object) -> bytes:
    """A piece of the reply for its digest, whatever a server has made of it."""
    dumped = chunk.model_dump(warnings=False) if isinstance(chunk, ChatCompletionChunk) else chunk
    return json.dumps(dumped, default=str).encode()


def usage_in(chunk: object) -> Tokens | None:
    """What a piece of the reply says was used; None when it says nothing that can be true."""
    usage = getattr(chunk, "usage", None)
    prompt, answer = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if type(prompt) is not int or type(answer) is not int or prompt <= 0 or answer < 0:
        return None
    return Tokens(prompt, answer)


@contextmanager
def _uncounted(request: PlanRequest, most: Tokens) -> Iterator[Charge]:  # noqa: ARG001 - a meter
    yield Charge()


def _wait_seconds(error: openai.APIError, tries: int) -> float | None:
    """Return how long to wait before trying again, or None when that cannot help."""
    if isinstance(error, openai.APITimeoutError):
        return None  # the person has already waited; a model that slow will not be quicker the next time
    if isinstance(error, openai.RateLimitError | openai.InternalServerError):
        after = _retry_after(error)
        return after if after is not None else _back_off(tries)
    return _back_off(tries) if isinstance(error, openai.APIConnectionError) else None


def _back_off(tries: int) -> float:
    """Wait longer every time, and not in step with everybody else who was refused."""
    return FIRST_WAIT_SECONDS * 2.0 ** (tries - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Read the `Retry-After` header in seconds, which may be a number or a date."""
    value: str = error.response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return max(seconds, 0.0) if seconds == seconds else None  # noqa: PLR0124 - not a number


def _status(error: BaseException) -> int | None:
    return error.status_code if isinstance(error, openai.APIStatusError) else None


def _check_finish(reply: Reply, wire: Wire) -> None:
    """Tell a reply that ended from one that stopped.

    Raises:
        PlannerFailed: it was cut, by the network or by the model's own limits.
        PlanUnreadable: it was no reply at all, for example a web page.
    """
    if not reply.started and not wire.expired:
        unreadable("empty", "The reply was empty.")
    if wire.expired and not reply.finish:
        raise _slow(reply)
    if not reply.finish:
        raise _cut(reply)
    if reply.finish == "length":
        raise _kept(reply, _("The model's reply became too long and was cut off."), code="model_cut")
    if reply.finish == "content_filter":
        raise _kept(reply, _("The model's provider held the reply back."), code="model_withheld", retryable=False)


def _fail(error: Exception, reply: Reply, wire: Wire) -> Never:
    failure = _failure(error, reply, wire)
    log.warning("model_failed", reason=failure.code, error=type(error).__name__, status=_status(error))
    # Not `from error`: it holds the request, with the prompt and the key.
    raise failure from None


def _failure(error: Exception, reply: Reply, wire: Wire) -> PlannerFailed:
    if isinstance(error, TooLargeError):
        return _kept(reply, _("The model's reply is far too large."), code="model_too_large")
    if wire.expired or isinstance(error, openai.APITimeoutError):
        return _slow(reply)
    if isinstance(error, openai.APIStatusError):
        return _refused(error, reply)
    if reply.started:
        return _cut(reply)
    if isinstance(error, openai.APIConnectionError):
        return _kept(reply, _("The language model cannot be reached."), code="model_down")
    return _kept(reply, _("The language model reported a fault."), code="model_fault")


def _refused(error: openai.APIStatusError, reply: Reply) -> PlannerFailed:
    if isinstance(error, openai.RateLimitError):
        seconds = _retry_after(error)
        if seconds is None:
            return _kept(reply, _("The language model has too much to do at the moment."), code="model_busy")
        text = _("The language model has too much to do; it asks to wait %(seconds)d seconds.")
        return _kept(reply, text % {"seconds": math.ceil(min(seconds, DAY_SECONDS))}, code="model_busy")
    if isinstance(error, openai.InternalServerError):
        return _kept(reply, _("The language model is out of order at the moment."), code="model_down")
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        text = _("The language model does not accept our key. An administrator has to check the model's settings.")
    elif isinstance(error, openai.NotFoundError):
        text = _("The configured language model does not exist. An administrator has to check the model's settings.")
    else:
        text = _("The language model did not accept the request. It may be too long.")
    return _kept(reply, text, code="model_refused", retryable=False)


def _slow(reply: Reply) -> PlannerFailed:
    return _kept(reply, _("The language model took too long to answer."), code="model_slow")


def _cut(reply: Reply) -> PlannerFailed:
    return _kept(reply, _("The reply was cut off before it was complete."), code="model_cut")


def _kept(reply: Reply, what: str, *, code: str, retryable: bool = True) -> PlannerFailed:
    """Complete the sentence: what was kept, and what to do."""
    kept = _("What arrived is kept above; nothing was done.") if reply.spoken else _("Nothing was done.")
    advice = _("Please try again in a moment.") if retryable else ""
    return PlannerFailed(" ".join(filter(None, (what, kept, advice))), code=code, retryable=retryable)
