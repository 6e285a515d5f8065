"""The web application: routes, and what they share; `make_app` builds it around an Engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from livefer.version import __version__
from livefer.web import schema
from livefer.web.docs import STYLE, render
from livefer.web.limits import Limits
from livefer.web.metrics import Metrics
from livefer.web.protocol import (
    BAD_TOKEN,
    FOREIGN,
    GOING_AWAY,
    SCHEMA,
    TOO_MANY,
    Closed,
    Model,
    Options,
    Refused,
    error_dict,
)
from livefer.web.security import Access, Guard, shown_token
from livefer.web.session import Session, close
from livefer.web.upload import read_picture
from livefer.web.workers import Engine, make_job

PAGE = Path(__file__).with_name("page")


@dataclass(eq=False)
class Service:
    """What all requests of one server share; touched on its event loop only."""

    engine: Engine
    model: Model
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    smoothing_s: float = 0.33
    metrics: Metrics = field(default_factory=Metrics)
    sessions: set[Session] = field(default_factory=set)
    n_images: int = 0
    is_closing: bool = False

    async def close_streams(self) -> None:
        """Tell every stream that the server goes away, and wait until they are closed."""
        self.is_closing = True
        for session in self.sessions:
            session.end(Closed(GOING_AWAY, "the server is going away"))
        while self.sessions:
            await asyncio.sleep(0.01)


def make_app(service: Service) -> FastAPI:
    """Return the application; its lifespan starts and stops the engine."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.engine.start()
        try:
            yield
        finally:
            await service.close_streams()
            await asyncio.to_thread(service.engine.stop)

    app = FastAPI(
        title="livefer",
        version=__version__,
        summary="Facial expressions in pictures and streams",
        description=schema.DESCRIPTION,
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_router)
    app.mount("/page", StaticFiles(directory=PAGE, check_dir=False))
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    if service.access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(Guard, access=service.access)
    return app


async def _check_token(
    request: Request,
    bearer: Annotated[Any, Depends(HTTPBearer(auto_error=False))],
    token: Annotated[str | None, Query(description="instead of the header")] = None,
) -> None:
    _service(request).access.check_token(shown_token(request))


_router = APIRouter()
_ERROR = {"model": schema.Error, "content": {"application/json": {"example": schema.ERROR_EXAMPLE}}}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {**_ERROR, "description": "The body is no picture or form"},
    401: {**_ERROR, "description": "The token is missing or wrong"},
    403: {**_ERROR, "description": "A foreign web site, or a foreign name of this server"},
    408: {**_ERROR, "description": "The upload stood still, or took too long"},
    413: {**_ERROR, "description": "Too many bytes or pixels"},
    415: {**_ERROR, "description": "Not a JPEG, PNG or WebP"},
    422: {**_ERROR, "description": "The picture is damaged, or a parameter is wrong"},
    429: {**_ERROR, "description": "Too many pictures at the same time"},
    500: {**_ERROR, "description": "Recognition failed: the server's log says more"},
    503: {**_ERROR, "description": "The server is going away"},
}


def _json_of(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


@_router.post(
    "/v1/faces",
    response_model=schema.Faces,
    responses={**_json_of(schema.FACES_EXAMPLE), **_REFUSALS},
    openapi_extra={"requestBody": schema.REQUEST_BODY},
    dependencies=[Depends(_check_token)],
    summary="The faces of one picture",
)
async def faces(
    request: Request,
    cam: Annotated[bool, Query(description="with heat maps: where the network looked")] = False,
) -> Response:
    """Recognise the faces of a picture; with `cam=1` each has a heat map as base64 PNG."""
    service = _service(request)
    if service.n_images >= service.limits.max_images:
        raise Refused("too_many", f"{service.n_images} pictures are at work: try again in a second")
    service.n_images += 1
    try:
        data = await read_picture(request, service.limits)
        job = make_job(data, service.limits.max_image_pixels, service.model.detector, cam)
        service.engine.submit(job)
        seen = await job.answer
    finally:
        service.n_images -= 1
    service.metrics.images["result"] += 1
    service.metrics.count_seen(len(seen.faces), seen.timings_ms, seen.n_batch)
    found = {
        "schema": SCHEMA,
        "size_wh": seen.size_wh,
        "faces": seen.faces,
        "timings_ms": seen.timings_ms,
        "model": service.model.name,
        "hint": seen.hint,
    }
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@_router.websocket("/v1/stream")
async def stream(websocket: WebSocket) -> None:
    """Serve one stream; who may not have one is told why by the close code."""
    service: Service = websocket.app.state.service
    await websocket.accept()
    try:
        session = _admit(websocket, service)
    except Closed as closed:
        return await close(websocket, closed, service.metrics)
    service.sessions.add(session)
    service.metrics.n_streams += 1
    try:
        await session.run()
    finally:
        service.sessions.discard(session)


def _admit(websocket: WebSocket, service: Service) -> Session:
    if service.is_closing:
        raise Closed(GOING_AWAY, "the server is going away")
    try:
        service.access.check_origin(websocket.headers)
    except Refused as refused:
        raise Closed(FOREIGN, refused.reason) from None
    try:
        service.access.check_token(shown_token(websocket))
    except Refused as refused:
        raise Closed(BAD_TOKEN, refused.reason) from None
    if len(service.sessions) >= service.limits.max_clients:
        raise Closed(TOO_MANY, f"{len(service.sessions)} streams are open, no more fit: try later")
    options = Options(service.smoothing_s, service.model.detector)
    return Session(
        websocket, service.engine, service.model, service.limits, service.metrics, options
    )


@_router.get(
    "/v1/model",
    response_model=schema.ModelCard,
    responses={**_json_of(schema.MODEL_EXAMPLE), **{n: _REFUSALS[n] for n in (401, 403, 422)}},
    dependencies=[Depends(_check_token)],
    summary="The model's card",
)
async def model(request: Request) -> Response:
    """Tell what the model is, its classes and their colours, and what a picture may measure."""
    service = _service(request)
    return JSONResponse(service.model.to_dict(service.limits))


@_router.get("/healthz", response_model=schema.Health, summary="Whether the server answers")
async def healthz() -> Response:
    """Answer."""
    return JSONResponse({"status": "ok"})


@_router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={n: _REFUSALS[n] for n in (401, 403, 422)},
    dependencies=[Depends(_check_token)],
    summary="Counters for Prometheus",
)
async def metrics(request: Request) -> Response:
    """Tell how many clients, frames and refusals there were, and how long frames took."""
    service = _service(request)
    text = service.metrics.text(len(service.sessions), service.engine.n_waiting)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@_router.get("/", include_in_schema=False)
async def index() -> Response:
    """Send the page."""
    if not (PAGE / "index.html").is_file():
        raise HTTPException(404, "this copy of livefer has no page; its API is at /docs")
    return FileResponse(PAGE / "index.html")


@_router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Send the API's description as a page."""
    return HTMLResponse(render(request.app.openapi()))


@_router.get("/docs/style.css", include_in_schema=False)
async def docs_style() -> Response:
    """Send the style of /docs: the policy allows none inside a page."""
    return Response(STYLE, media_type="text/css")


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _refuse(request: Request, refused: Refused, headers: dict[str, str] | None = None) -> Response:
    found = _service(request).metrics
    found.refusals[refused.code] += 1
    if request.url.path == "/v1/faces":
        found.images["refused"] += 1
    return JSONResponse(error_dict(refused.code, refused.reason), refused.status, headers)


async def _on_refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    more = {"token": {"WWW-Authenticate": "Bearer"}, "too_many": {"Retry-After": "1"}}
    return _refuse(request, refused, more.get(refused.code))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = f"{request.method} {request.url.path[:80]}: {error.detail}"
    return JSONResponse(error_dict("http", reason), error.status_code, error.headers)


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return _refuse(request, Refused("bad_parameter", f"{where}: {first['msg']}"))
