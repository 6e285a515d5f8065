"""The OpenAPI description holds for any request: no 5xx, no answer or field that it lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="needs the extra dev")
schemathesis = pytest.importorskip("schemathesis", reason="needs the extra dev")
pytest.importorskip("fastapi", reason="needs the extra web")
pytest.importorskip("uvicorn", reason="needs the extra web")

from fakes import make_scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import strict
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from webserver import Running, fake_service, jpeg, running

from livefer.web.limits import Limits

pytestmark = pytest.mark.slow

PICTURES = [jpeg(make_scene((40, 60, 125)), suffix) for suffix in (".jpg", ".png", ".webp")]


def damage(picture: bytes, seed: int, n_bytes: int) -> bytes:
    """Return a picture with some bytes changed."""
    random = np.random.default_rng(seed)
    data = np.frombuffer(picture, np.uint8).copy()
    data[random.integers(0, len(data), n_bytes)] = random.integers(0, 256, n_bytes)
    return data.tobytes()


whole_or_damaged = st.builds(
    damage, st.sampled_from(PICTURES), st.integers(0, 1000), st.sampled_from([0, 0, 1, 10])
)
for name in ("image/jpeg", "image/png", "image/webp", "application/octet-stream"):
    schemathesis.openapi.media_type(name, whole_or_damaged | st.binary(max_size=200))


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(fake_service(Limits(max_image_pixels=100_000))) as found:
        yield found


def description(server: Running) -> Any:
    """The server's description, which has to name every field that is sent."""
    published = httpx.get(f"{server.http}/openapi.json").json()
    return schemathesis.openapi.from_dict(strict(published))


@pytest.mark.parametrize(
    "operation",
    ["POST /v1/faces", "POST /v1/profile", "GET /v1/model", "GET /healthz", "GET /metrics"],
)
def test_every_answer_is_as_described(server: Running, operation: str) -> None:
    method, path = operation.split()
    schema = description(server)
    n_answered: dict[int, int] = defaultdict(int)

    @settings(
        max_examples=25 if method == "POST" else 10,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy())
    def answers(case: Any) -> None:
        response = case.call(base_url=server.http)
        n_answered[response.status_code] += 1
        case.validate_response(
            response,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    answers()
    assert n_answered[200] > 0 or "profile" in path  # that needs frames that agree
    if method == "POST":
        assert len(n_answered) > 1


def test_the_description_names_every_route(server: Running) -> None:
    assert set(description(server)) == {
        "/v1/faces", "/v1/profile", "/v1/model", "/healthz", "/metrics"
    }  # fmt: skip
