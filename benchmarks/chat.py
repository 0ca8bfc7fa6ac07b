"""Message to stored acknowledgement at 50 messages a second, while the worker answers them; approval to start."""

import asyncio
import itertools
import time
from contextlib import AsyncExitStack

from benchmarks.browser import Browser, Line
from benchmarks.figures import Figure, milliseconds, show
from tests.local.site import Site

RATE = 50
SECONDS = 10
CONVERSATIONS = 50
# What a process does for the first time takes longer: connections, imports, compiled sentences.
WARM_UP_SECONDS = 4
APPROVALS = 30


def measure(site: Site) -> None:
    browser = Browser(site.url)
    acknowledged, bare = asyncio.run(_acknowledgements(browser))
    show(
        f"Chat: {RATE} messages a second for {SECONDS} s over {CONVERSATIONS} websockets, answered meanwhile",
        [
            Figure("message to stored acknowledgement", milliseconds(acknowledged), "p99 60 ms"),
            Figure("bare ping on the same socket", milliseconds(bare)),
        ],
    )
    started = asyncio.run(_approvals(browser))
    show(
        "Consent: from the click to the step's start, as the browser sees it",
        [Figure("approved to step started", milliseconds(started), "p99 500 ms")],
    )


async def _acknowledgements(browser: Browser) -> tuple[list[float], list[float]]:
    rooms = [browser.api("conversations/", {})["id"] for _room in range(CONVERSATIONS)]
    async with AsyncExitStack() as sockets:
        lines = [Line(await sockets.enter_async_context(browser.socket())) for _room in rooms]
        bare = [await _timed(lines[0].ping()) for _ping in range(100)]
        pairs = list(zip(lines, rooms, strict=True))
        await _send(pairs, seconds=WARM_UP_SECONDS)
        acknowledged = await _send(pairs, seconds=SECONDS)
        for line in lines:
            line.stop()
    return acknowledged, bare


async def _send(pairs: list[tuple[Line, str]], *, seconds: int) -> list[float]:
    """Send at the rate, whether or not the answers keep up. Returns how long each acknowledgement took."""
    begin, sent = time.perf_counter(), []
    for number, (line, room) in zip(range(RATE * seconds), itertools.cycle(pairs), strict=False):
        await asyncio.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
        sent.append(asyncio.create_task(_timed(line.ask("chat.send", conversation=room, text="thank you"))))
    return list(await asyncio.gather(*sent))


async def _approvals(browser: Browser) -> list[float]:
    times = []
    async with browser.socket() as socket:
        line = Line(socket)
        for number in range(APPROVALS):
            room = browser.api("conversations/", {})["id"]
            text = f"email raj@example.com saying hello number {number}"
            await line.ask("chat.send", conversation=room, text=text)
            consent = await _until_asked(browser)
            await line.follow(f"run:{consent['run_id']}")
            begin = time.perf_counter()
            path = f"approvals/{consent['id']}/decision"
            await asyncio.to_thread(browser.api, path, {"decision": "approve"})
            await _until_started(line)
            times.append(time.perf_counter() - begin)
        line.stop()
    return times


async def _until_asked(browser: Browser) -> dict[str, str]:
    async with asyncio.timeout(60):
        while not (waiting := await asyncio.to_thread(browser.api, "approvals/")):  # noqa: ASYNC110 - HTTP has no event
            await asyncio.sleep(0.05)
    found: dict[str, str] = waiting[0]
    return found


async def _until_started(line: Line) -> None:
    async with asyncio.timeout(60):
        while (await line.frames.get()).get("kind") != "step.started":
            pass


async def _timed(work: object) -> float:
    begin = time.perf_counter()
    await work  # type: ignore[misc]
    return time.perf_counter() - begin
