"""The web application: its routes, and the state that they share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from livefer.classifier import EmotionClassifier
from livefer.errors import ConfigError, LiveferError
from livefer.profiles.moments import profile_of_moments
from livefer.tracking.smoothing import WINDOW_S
from livefer.version import __version__
from livefer.web import schema
from livefer.web.device import DeviceFiles, device_files
from livefer.web.docs import STYLE, render
from livefer.web.limits import Limits
from livefer.web.metrics import Metrics
from livefer.web.protocol import (
    BAD_MESSAGE,
    BAD_TOKEN,
    BROKEN,
    FOREIGN,
    GOING_AWAY,
    TOO_MANY,
    Choices,
    Closed,
    Options,
    Refused,
    error_dict,
    model_card,
    read_moments,
)
from livefer.web.runtime import runtime_folder
from livefer.web.security import Access, Guard, token_of
from livefer.web.session import Session, close
from livefer.web.site import CARD, PAGE, index_html
from livefer.web.upload import read_body, read_picture
from livefer.web.workers import WorkerPool, make_job

_MOMENTS_BYTES = 512 * 1024  # a frame has 130 bytes
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Service:
    """The state that all requests of a server share; for its event loop only."""

    pool: WorkerPool
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    smoothing_s: float = WINDOW_S
    runtime: Path | None = field(default_factory=runtime_folder)  # for browsers, where it is there
    metrics: Metrics = field(default_factory=Metrics)
    sessions: set[Session] = field(default_factory=set)
    n_images: int = 0
    is_closing: bool = False
    _device: DeviceFiles | None = None  # once a browser has asked
    _describing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def choices(self) -> Choices:
        """What clients may choose."""
        return Choices(self.pool.models.names, tuple(self.pool.detectors))

    def model_name(self, chosen: str | None) -> str:
        """Return the name of the model a client has chosen, by default the first; or refuse it."""
        names = self.choices.models
        if chosen is not None and chosen not in names:
            reason = f'unknown model "{chosen[:40]}": expected {" or ".join(names)}'
            raise Refused("bad_parameter", reason)
        return names[0] if chosen is None else chosen

    async def load(self, chosen: str | None) -> EmotionClassifier:
        """Return the model that a client has chosen, which is loaded if it was not used before."""
        return await self._model(self.pool.models.get, self.model_name(chosen))

    async def device_files(self) -> DeviceFiles:
        """Return what a browser needs to do the work itself; its runtime only where it is here."""
        async with self._describing:
            if self._device is None:
                look_at = self.pool.models.look_at
                models = [await self._model(look_at, name) for name in self.choices.models]
                self._device = await asyncio.to_thread(device_files, models, self.runtime)
            return self._device

    async def _model(self, get: Callable[[str], EmotionClassifier], name: str) -> EmotionClassifier:
        try:
            return await asyncio.to_thread(get, name)
        except LiveferError:
            _log.exception("the model %s cannot be loaded", name)
            raise Refused("internal", f"the model {name} cannot be loaded on the server") from None

    async def close_streams(self) -> None:
        """Close every stream with the code for a stopping server, and wait for that."""
        self.is_closing = True
        for session in self.sessions:
            session.end(Closed(GOING_AWAY, "the server is stopping"))
        while self.sessions:
            await asyncio.sleep(0.01)


class App(FastAPI):
    """FastAPI's application, whose description keeps the nulls of its examples."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description."""
        description = super().openapi()
        answer = description["paths"]["/v1/faces"]["post"]["responses"]["200"]
        answer["content"]["application/json"]["example"] = schema.FACES_EXAMPLE
        return description


def make_app(service: Service) -> App:
    """Return the application; its lifespan starts and stops the worker threads."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.pool.start()
        try:
            yield
        finally:
            await service.close_streams()
            await asyncio.to_thread(service.pool.stop)

    app = App(
        title="livefer",
        version=__version__,
        summary="Facial expressions in pictures and streams",
        description=schema.DESCRIPTION,
        docs_url=None,  # FastAPI's own page loads scripts from other sites
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_router)
    app.mount("/page", StaticFiles(directory=PAGE, check_dir=False))
    if service.runtime is not None:
        app.mount("/runtime", StaticFiles(directory=service.runtime))
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
    _service(request).access.check_token(token_of(request))


def _check_names(query: Mapping[str, str], known: Sequence[str]) -> None:
    """Refuse a query with a parameter that the server does not know."""
    for name in query:
        if name not in known:
            expected = " or ".join(known)
            raise Refused("bad_parameter", f'unknown parameter "{name[:40]}": expected {expected}')


def _only(*names: str) -> Any:
    """Return the dependency that refuses other query parameters."""

    async def check(request: Request) -> None:
        _check_names(request.query_params, names)

    return Depends(check)


_ModelQuery = Annotated[str | None, Query(description="one of `models` in GET /v1/model")]
_router = APIRouter()
_GET_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: schema.REFUSALS[status] for status in (401, 403, 422)
}


def _example(
    example: schema.Faces | schema.ModelCard | schema.Profile,
) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


@_router.post(
    "/v1/faces",
    response_model=schema.Faces,
    responses={**_example(schema.FACES_EXAMPLE), **schema.REFUSALS},
    openapi_extra={"requestBody": schema.REQUEST_BODY},
    dependencies=[Depends(_check_token), _only("cam", "model", "token")],
    summary="The faces of one picture",
    response_description="The faces, or none",
)
async def faces(
    request: Request,
    cam: Annotated[bool, Query(description="with heat maps: where the network looked")] = False,
    model: _ModelQuery = None,
) -> Response:
    """Recognise the faces of a picture; with `cam=1` each has a heat map as base64 PNG."""
    service = _service(request)
    name = service.model_name(model)
    if service.n_images >= service.limits.max_images:
        raise Refused(
            "too_many", f"the server is at work on {service.n_images} pictures: retry in a second"
        )
    service.n_images += 1
    try:
        data = await read_picture(request, service.limits)
        road = name, service.choices.detectors[0]
        job = make_job(data, service.limits.max_image_pixels, road, cam)
        service.pool.submit(job)
        result = await job.answer
    finally:
        service.n_images -= 1
    service.metrics.images["result"] += 1
    service.metrics.count_result(len(result.faces), result.timings_ms, result.n_batch)
    found: schema.Faces = {
        "schema": schema.SCHEMA,
        "size_wh": result.size_wh,
        "faces": result.faces,
        "timings_ms": result.timings_ms,
        "model": name,
        "hint": result.hint,
    }
    return JSONResponse(found, headers={"Cache-Control": "no-store"})


@_router.websocket("/v1/stream")
async def stream(websocket: WebSocket) -> None:
    """Serve one stream, or close it with the reason why not."""
    service: Service = websocket.app.state.service
    await websocket.accept()
    try:
        session = await _admit(websocket, service)
    except Closed as closed:
        return await close(websocket, closed, service.metrics)
    service.sessions.add(session)
    service.metrics.n_streams += 1
    try:
        await session.run()
    finally:
        service.sessions.discard(session)


async def _admit(websocket: WebSocket, service: Service) -> Session:
    """Return the session of a client that may have one; close the stream of any other."""
    try:
        service.access.check_origin(websocket.headers)
        service.access.check_token(token_of(websocket))
        _check_names(websocket.query_params, ("model", "token"))
        model = await service.load(websocket.query_params.get("model"))
    except Refused as refused:
        codes = {"origin": FOREIGN, "host": FOREIGN, "token": BAD_TOKEN, "internal": BROKEN}
        raise Closed(codes.get(refused.code, BAD_MESSAGE), refused.reason) from None
    # Nothing is awaited from here on: another stream could take the last place meanwhile.
    if service.is_closing:
        raise Closed(GOING_AWAY, "the server is stopping")
    if len(service.sessions) >= service.limits.max_clients:
        raise Closed(TOO_MANY, f"{len(service.sessions)} streams are open, the most: try later")
    choices = service.choices
    options = Options(service.smoothing_s, model.name, choices.detectors[0])
    return Session(
        websocket, service.pool, model, choices, service.limits, service.metrics, options
    )


@_router.get(
    "/v1/model",
    response_model=schema.ModelCard,
    responses={**_example(schema.MODEL_EXAMPLE), **_GET_REFUSALS},
    dependencies=[Depends(_check_token), _only("model", "token")],
    summary="The model's card",
    response_description="The card",
)
async def card(request: Request, model: _ModelQuery = None) -> Response:
    """Describe a model: its classes, their colours and its limit; and what a client may choose."""
    service = _service(request)
    found = await service.load(model)
    return JSONResponse(model_card(found, service.choices, service.limits))


@_router.post(
    "/v1/profile",
    response_model=schema.Profile,
    responses={
        **_example(schema.PROFILE_EXAMPLE),
        **{status: schema.REFUSALS[status] for status in (400, 401, 403, 408, 413, 422, 500)},
    },
    openapi_extra={"requestBody": schema.PROFILE_BODY},
    dependencies=[Depends(_check_token), _only("model", "token")],
    summary="A person's profile",
    response_description="The profile, for the client to keep",
)
async def profile(request: Request, model: _ModelQuery = None) -> Response:
    """Make a profile of frames in which a person held an expression: two seconds of each."""
    service = _service(request)
    found = await service.load(model)
    body = await read_body(request, _MOMENTS_BYTES, service.limits, "send fewer frames")
    answers, name = read_moments(body, found.classes)
    try:
        made = await asyncio.to_thread(profile_of_moments, found, answers, name)
    except ConfigError as error:
        raise Refused("no_profile", str(error)) from None
    return JSONResponse(made.to_dict(), headers={"Cache-Control": "no-store"})


@_router.get(
    "/healthz",
    response_model=schema.Health,
    summary="Whether the server answers",
    response_description="It does",
)
async def healthz() -> Response:
    """Answer with {"status": "ok"}."""
    found: schema.Health = {"status": "ok"}
    return JSONResponse(found)


@_router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_GET_REFUSALS},
    dependencies=[Depends(_check_token), _only("token")],
    summary="Counters for Prometheus",
    response_description="The counters",
)
async def metrics(request: Request) -> Response:
    """Count clients, frames and refusals, and measure how long frames took."""
    service = _service(request)
    text = service.metrics.text(len(service.sessions), service.pool.n_waiting)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@_router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """Send the page."""
    if not (PAGE / "index.html").is_file():
        raise HTTPException(404, "this copy of livefer has no page; /docs describes its API")
    engines = ("server",) if _service(request).runtime is None else ("server", "device")
    return HTMLResponse(index_html(*engines))


@_router.get(f"/{CARD}", include_in_schema=False, dependencies=[Depends(_check_token)])
async def device_card(request: Request) -> Response:
    """Describe the models and the rules, for a browser that does work itself."""
    return JSONResponse((await _service(request).device_files()).card)


@_router.get("/models/{name}", include_in_schema=False, dependencies=[Depends(_check_token)])
async def device_model(request: Request, name: str) -> Response:
    """Send a file of a model, for a browser that does the work itself."""
    if _service(request).runtime is None:
        raise HTTPException(404, "livefer download browser-runtime was not run here")
    files = (await _service(request).device_files()).files
    if (path := files.get(f"models/{name}")) is None:
        raise HTTPException(404, "there is no such model")
    return FileResponse(path, media_type="application/octet-stream")


@_router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Send the API's description as a page."""
    return HTMLResponse(render(request.app.openapi()))


@_router.get("/docs/style.css", include_in_schema=False)
async def docs_style() -> Response:
    """Send the style of /docs: the content policy forbids styles inside a page."""
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
    headers = {"token": {"WWW-Authenticate": "Bearer"}, "too_many": {"Retry-After": "1"}}
    return _refuse(request, refused, headers.get(refused.code))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = f"{request.method} {request.url.path[:80]}: {error.detail}"
    return JSONResponse(error_dict("http", reason), error.status_code, error.headers)


async def _on_bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return _refuse(request, Refused("bad_parameter", f"{where}: {first['msg']}"))
