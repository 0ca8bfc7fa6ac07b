"""JSON values, their canonical text and digest."""

import hashlib
import json

type Json = str | int | float | bool | list[Json] | dict[str, Json] | None
type JsonObject = dict[str, Json]

REFERENCE_STEP = "$from"
REFERENCE_PATH = "path"


def canonical_json(value: Json) -> str:
    """Serialize so that equal values give equal text: sorted keys, no blanks, no NaN (after RFC 8785).

    Raises:
        ValueError: for NaN and infinities, which JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Json) -> str:
    """Return the SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
