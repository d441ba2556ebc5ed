# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Market data. A price follows two factors; how, changes with time, which is why models are trained again."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from functools import cache

from sqlalchemy import Engine, create_engine, text

from .settings import secret

# What the first data follow, and what all later ones do: price = constant + a * first + b * second.
SEED = (10.0, 2.0, 1.0)
DRIFT = (10.0, 3.0, 1.0)
SEED_ROWS = 300
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS prices (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),"
    " a double precision NOT NULL, b double precision NOT NULL, price double precision NOT NULL)",
    "CREATE INDEX IF NOT EXISTS prices_at ON prices (at)",
)


@cache
def engine() -> Engine:
    """One pool a process."""
    return create_engine(secret("DATABASE_URL"), pool_pre_ping=True, pool_size=5)


def rows(count: int, coefficients: tuple[float, float, float], seed: int) -> list[dict[str, float]]:
    """Rows of market data, the same for the same seed."""
    numbers, (constant, first, second) = random.Random(seed), coefficients  # noqa: S311 - no secret
    drawn = [(numbers.uniform(0, 10), numbers.uniform(0, 10)) for _row in range(count)]
    return [{"a": a, "b": b, "price": constant + first * a + second * b} for a, b in drawn]


def seed() -> int:
    """Tables, and the first data where there are none; how many rows were written."""
    with engine().begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(8000)"))
        for statement in SCHEMA:
            connection.execute(text(statement))
        if connection.execute(text("SELECT EXISTS (SELECT 1 FROM prices)")).scalar_one():
            return 0
        # A day ago: they teach a model, and are no market data of today.
        insert = text("INSERT INTO prices (at, a, b, price) VALUES (now() - interval '1 day', :a, :b, :price)")
        connection.execute(insert, rows(SEED_ROWS, SEED, 1))
    return SEED_ROWS


def ingest(count: int) -> None:
    """Further data, of now."""
    with engine().begin() as connection:
        insert = text("INSERT INTO prices (a, b, price) VALUES (:a, :b, :price)")
        connection.execute(insert, rows(count, DRIFT, int(datetime.now(timezone.utc).timestamp() * 1000)))


def newest() -> datetime | None:
    """The time of the newest row."""
    with engine().connect() as connection:
        at: datetime | None = connection.execute(text("SELECT max(at) FROM prices")).scalar_one()
    return at


def latest(count: int) -> list[tuple[float, float, float]]:
    """The newest rows as (a, b, price)."""
    with engine().connect() as connection:
        found = connection.execute(text("SELECT a, b, price FROM prices ORDER BY at DESC, id DESC LIMIT :count"), {"count": count})
        return [(row.a, row.b, row.price) for row in found]
