"""Names of what Jarvis adds to MCP's `_meta` maps. Other clients may ignore all of it."""

IDEMPOTENCY_KEY = "jarvis/idempotencyKey"  # on a request
FAILURE = "jarvis/failure"  # on a result with isError: {code, retryable, outcomeUnknown}
RISK = "jarvis/risk"  # on a tool, as are the next three
REVERSIBILITY = "jarvis/reversibility"
REACHES_PEOPLE = "jarvis/reachesPeople"
ICON = "jarvis/icon"
UNDO = "jarvis/undo"  # on a tool that can be taken back: {tool, arguments, seconds}
ARTIFACT = "jarvis/artifact"  # on a tool that leaves a thing behind: {kind, id, title}
