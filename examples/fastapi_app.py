"""An endpoint of your own with FastAPI: a picture in, one number out.

Install: pip install "livefer[web]". Run it as: uvicorn --app-dir examples fastapi_app:app, and then

    curl --data-binary @PICTURE http://127.0.0.1:8000/smile

`livefer serve` is a whole server with streams and a page; this is for one endpoint in your own app.
"""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from livefer import LiveferError, Recognizer

app = FastAPI()
recognizer = Recognizer()  # one for all requests: several threads may use it at once


@app.post("/smile")
async def smile(request: Request) -> dict[str, float | None]:
    """Return how probable it is that the largest face smiles; null where there is no face."""
    picture = await request.body()
    try:
        faces = await run_in_threadpool(recognizer, picture)
    except LiveferError as error:  # one line for the client: what is wrong with the picture
        raise HTTPException(422, str(error)) from None
    largest = max(faces, key=lambda face: face.box[2] - face.box[0], default=None)
    return {"happy": None if largest is None else largest["happy"]}
