# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database: chapters with their vectors, and a row for each execution of a task."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Engine, create_engine, text

from .embedding import embed, literal
from .settings import secret


@cache
def engine() -> Engine:
    """One pool a process, made when it is first needed: Celery forks its workers before."""
    return create_engine(secret("DATABASE_URL"), pool_pre_ping=True, pool_size=5)


def ready() -> None:
    """Ask for a table that the migration makes."""
    with engine().connect() as connection:
        connection.execute(text("SELECT 1 FROM chapters LIMIT 1"))


def search(query: str, limit: int) -> list[dict[str, Any]]:
    """Chapters by the cosine distance of their vectors to that of the query, the nearest first."""
    nearest = text("SELECT title, embedding <=> CAST(:vector AS vector) AS distance FROM chapters ORDER BY distance, id LIMIT :limit")
    with engine().connect() as connection:
        rows = connection.execute(nearest, {"vector": literal(embed(query)), "limit": limit})
        return [{"title": row.title, "distance": round(float(row.distance), 6)} for row in rows]


def write_chapter(task: str, title: str, body: str, worker: str) -> None:
    """A chapter, and that this task was carried out. The second has no key: what is done twice is to be seen twice."""
    with engine().begin() as connection:
        connection.execute(
            text("INSERT INTO chapters (title, body, embedding) VALUES (:title, :body, CAST(:vector AS vector))"),
            {"title": title, "body": body, "vector": literal(embed(f"{title} {body}"))},
        )
        connection.execute(text("INSERT INTO executions (task, worker) VALUES (:task, :worker)"), {"task": task, "worker": worker})


def executions() -> dict[str, int]:
    """How many executions there were, and of how many tasks."""
    with engine().connect() as connection:
        row = connection.execute(text("SELECT count(*) AS executions, count(DISTINCT task) AS tasks FROM executions")).one()
    return {"executions": row.executions, "tasks": row.tasks}


def tick() -> None:
    """One more run of the clock."""
    with engine().begin() as connection:
        connection.execute(text("INSERT INTO ticks DEFAULT VALUES"))
