# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chapters with their vectors."""

from __future__ import annotations

from alembic import op
from neurocore.embedding import SIZE, embed, literal
from sqlalchemy import text

revision = "0001"
down_revision = None

TITLES = (
    "Glioblastoma of the temporal lobe",
    "Meningioma of the skull base",
    "Vestibular schwannoma",
    "Pituitary adenoma and the optic chiasm",
    "Aneurysm of the anterior communicating artery",
    "Arteriovenous malformation",
    "Cavernoma of the brain stem",
    "Subdural haematoma",
    "Epidural haematoma",
    "Hydrocephalus and the ventricular shunt",
    "Chiari malformation",
    "Tethered spinal cord",
    "Lumbar disc herniation",
    "Cervical myelopathy",
    "Spinal cord injury",
    "Deep brain stimulation for tremor",
    "Surgery of temporal lobe epilepsy",
    "Trigeminal neuralgia and vascular decompression",
    "Brain abscess",
    "Awake craniotomy and language",
)


def upgrade() -> None:
    """Tables, the index by which is searched, and the first chapters."""
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(
        f"CREATE TABLE chapters (id bigserial PRIMARY KEY, title text NOT NULL, body text NOT NULL, embedding vector({SIZE}) NOT NULL)"
    )
    op.execute("CREATE INDEX ON chapters USING hnsw (embedding vector_cosine_ops)")
    columns = "id bigserial PRIMARY KEY, task text NOT NULL, worker text NOT NULL, at timestamptz NOT NULL DEFAULT now()"
    op.execute(f"CREATE TABLE executions ({columns})")
    op.execute("CREATE TABLE ticks (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
    for title in TITLES:
        op.get_bind().execute(
            text("INSERT INTO chapters (title, body, embedding) VALUES (:title, '', CAST(:vector AS vector))"),
            {"title": title, "vector": literal(embed(title))},
        )
