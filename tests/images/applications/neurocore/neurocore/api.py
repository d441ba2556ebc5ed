# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP API on port 8002."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Any

import redis
import uvicorn
from celery.result import AsyncResult
from fastapi import FastAPI, File, HTTPException, Query, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from . import store
from .settings import VERSION, secret
from .tasks import app as celery
from .tasks import write_chapter

FOLDERS = {"application/pdf": "pdfs", "image/png": "images", "image/jpeg": "images"}
UPLOADS = Path(os.environ.get("UPLOADS", "/data"))
CHUNK = 1 << 20

app = FastAPI(title="Neurocore", version=VERSION, docs_url="/api/docs", openapi_url="/api/openapi.json")
cache = redis.Redis.from_url(secret("REDIS_URL"), socket_timeout=2, socket_connect_timeout=2)
# Read at the start, so that a container without them never gets traffic. Nothing is asked of OpenAI here.
secret("SECRET_KEY")
secret("OPENAI_API_KEY")


class Chapter(BaseModel):
    """A chapter that is to be written."""

    title: str = Field(min_length=1, max_length=200)
    seconds: float = Field(default=0.0, ge=0, le=120)


@app.middleware("http")
async def who_answers(request: Any, following: Any) -> Response:
    """Version and container in every answer."""
    answer: Response = await following(request)
    answer.headers["X-Version"] = VERSION
    answer.headers["X-Served-By"] = socket.gethostname()
    return answer


@app.get("/health")
def health() -> JSONResponse:
    """200 when database and cache answer, otherwise 503 and which does not."""
    state: dict[str, str] = {}
    for name, ask in (("database", store.ready), ("cache", cache.ping)):
        try:
            ask()
            state[name] = "ok"
        except (SQLAlchemyError, redis.RedisError, OSError) as error:
            state[name] = type(error).__name__
    return JSONResponse(state, 200 if set(state.values()) == {"ok"} else 503)


@app.get("/api/version")
def version() -> dict[str, str]:
    """Version and container."""
    return {"version": VERSION, "host": socket.gethostname()}


@app.get("/api/search")
def search(q: Annotated[str, Query(min_length=1, max_length=500)], limit: Annotated[int, Query(ge=1, le=50)] = 5) -> list[dict[str, Any]]:
    """The nearest chapters."""
    return store.search(q, limit)


@app.post("/api/chapters", status_code=202)
def chapters(chapter: Chapter) -> dict[str, str]:
    """Put a task into the queue."""
    return {"task": write_chapter.delay(chapter.title, chapter.seconds).id}


@app.get("/api/chapters/{task}")
def result(task: str) -> dict[str, Any]:
    """State and result of a task."""
    found = AsyncResult(task, app=celery)
    return {"state": found.state, "result": found.result if found.successful() else None}


@app.get("/api/executions")
def executions() -> dict[str, int]:
    """How many tasks were carried out, and how often."""
    return {**store.executions(), "waiting": int(cache.llen("celery"))}  # type: ignore[arg-type]


@app.post("/api/upload", status_code=201)
async def upload(file: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Keep a PDF or an image under the hash of its content; a name appears only with the whole file."""
    folder = FOLDERS.get(file.content_type or "")
    if folder is None:
        raise HTTPException(415, f"{file.content_type} is none of {', '.join(FOLDERS)}")
    size, summed, partial = 0, hashlib.sha256(), UPLOADS / folder / f".{os.getpid()}-{id(file)}"
    try:
        with partial.open("wb") as target:
            while piece := await file.read(CHUNK):
                size += target.write(piece)
                summed.update(piece)
        name = summed.hexdigest()
        partial.rename(UPLOADS / folder / name)
    finally:
        partial.unlink(missing_ok=True)
    return {"kind": folder, "name": name, "size": size}


@app.get("/api/uploads/{kind}/{name}")
def uploaded(kind: str, name: str) -> FileResponse:
    """A file as it came."""
    path = UPLOADS / kind / name
    if kind not in FOLDERS.values() or not re.fullmatch(r"[0-9a-f]{64}", name) or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path)


def main() -> None:
    """Until SIGTERM; requests that run are answered first."""
    uvicorn.run(app, host="0.0.0.0", port=8002, access_log=False, timeout_graceful_shutdown=60)


if __name__ == "__main__":
    main()
