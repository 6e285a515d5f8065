"""One set of types: what the server sends is what it publishes, and what docs/api.md explains."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("jsonschema_rs", reason="needs the extra dev")

import jsonschema_rs
from blocks import ROOT, read_blocks
from fakes import make_face
from published import check_message, strict
from webserver import fake_service

from livefer.web import protocol, schema
from livefer.web.app import make_app
from livefer.web.protocol import ERROR_STATUS, Choices, Options, read_control

pytestmark = pytest.mark.slow

DESCRIPTION = make_app(fake_service()).openapi()
DOCS = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CLOSE_CODES = [
    protocol.GOING_AWAY,
    protocol.BROKEN,
    protocol.BAD_MESSAGE,
    protocol.BAD_TOKEN,
    protocol.FOREIGN,
    protocol.IDLE,
    protocol.TOO_LARGE,
    protocol.TOO_MANY,
    protocol.TOO_SLOW,
]


def test_examples_are_as_published() -> None:
    bodies = [
        body
        for methods in DESCRIPTION["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
        for body in answer["content"].values()
        if "example" in body
    ]
    assert len(bodies) > 10
    for body in bodies:
        check_body(body["example"], body["schema"])


def check_body(body: Any, of: dict[str, Any]) -> None:
    whole = strict({**of, "components": DESCRIPTION["components"]})
    jsonschema_rs.validator_for(whole).validate(body)


def messages_of_docs() -> list[dict[str, Any]]:
    """Every message that docs/api.md shows."""
    found = []
    for block in read_blocks(DOCS):
        rest = block.code.strip() if block.language == "json" else ""
        while rest:
            message, end = json.JSONDecoder().raw_decode(rest)
            found.append(message)
            rest = rest[end:].strip()
    return found


def test_messages_in_the_docs_are_as_published() -> None:
    kinds = []
    for message in messages_of_docs():
        kind = message.get("type", "refusal")
        if kind == "refusal":
            check_body(message, {"$ref": "#/components/schemas/Error"})
        elif kind == "options" and "options" not in message:
            kind = "options of a client"
            choices = Choices(("human", "fer2013"), ("haar", "yunet"))
            read_control(json.dumps(message), Options(0.33, "human", "haar"), choices)
        else:
            check_message(message)
        kinds.append(kind)
    kinds_of_server = ["hello", "result", "skipped", "error", "options", "reset", "refusal"]
    assert set(kinds) == {*kinds_of_server, "options of a client"}


def test_the_fields_of_a_face_are_those_of_the_library() -> None:
    own = set(make_face((0, 0, 1, 1)).to_dict())
    assert set(schema.Face.__annotations__) == own | {
        "heatmap_png", "heatmap_box", "plain_probabilities"
    }  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        {"type": "reset", "now": True},
        {"type": "dance"},
        {"type": "skipped", "number": 1, "time_s": 1.0},
        {"type": "error", "number": "1", "time_s": 1.0, "code": "damaged", "reason": "a"},
    ],
)
def test_the_check_of_messages_finds_what_is_not_published(message: dict[str, Any]) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check_message(message)


def test_every_refusal_is_published_and_explained() -> None:
    assert set(ERROR_STATUS.values()) == set(schema.REFUSALS)
    explained = re.findall(r"^\| ([0-9, ]+) \| (.*) \|$", DOCS, re.MULTILINE)
    for code, status in ERROR_STATUS.items():
        if code != "skipped":  # never leaves the server
            rows = [text for numbers, text in explained if str(status) in numbers]
            assert any(f"`{code}`" in text for text in rows), code


def test_every_close_code_is_published_and_explained() -> None:
    for code in CLOSE_CODES:
        assert re.search(rf"\b{code}\s", schema.DESCRIPTION)
        assert re.search(rf"^\|[0-9, ]*\b{code}\b", DOCS, re.MULTILINE)


def test_every_published_field_is_explained() -> None:
    for published in (schema.Face, schema.StreamOptions, schema.StreamLimits):
        for name in published.__annotations__:
            assert f"`{name}`" in DOCS or f'"{name}"' in DOCS, name
