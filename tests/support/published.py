"""The published schema of the server's messages, so strict that an unnamed field is an error."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from pydantic import TypeAdapter

from livefer.web.schema import StreamMessage


def strict(schema: Any) -> Any:
    """Return a JSON schema whose objects may have no other fields than those it names."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    if found.get("type") == "object" and "properties" in found:
        found["additionalProperties"] = False
    return found


_STREAM = jsonschema_rs.validator_for(strict(TypeAdapter(StreamMessage).json_schema()))


def check_message(message: Any) -> None:
    """Fail on a message of the stream that the schema does not describe."""
    _STREAM.validate(message)
