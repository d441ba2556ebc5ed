# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Celery's application. A task is acknowledged when it is done, so whoever loses its worker is carried out by another."""

from __future__ import annotations

import socket
import time

from celery import Celery

from . import store
from .settings import VERSION, secret

app = Celery("neurocore", broker=secret("REDIS_URL"), backend=secret("REDIS_URL"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_track_started=True,
    broker_connection_retry_on_startup=True,
    # A task that nobody acknowledges comes again after this time: longer than the longest task, or it would be done twice.
    broker_transport_options={"visibility_timeout": 3600},
    result_expires=86400,
    worker_send_task_events=True,
    task_send_sent_event=True,
    beat_schedule={"tick": {"task": "neurocore.tasks.tick", "schedule": 30.0, "options": {"expires": 25}}},
)


@app.task(bind=True)
def write_chapter(self, title: str, seconds: float = 0.0) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Take ``seconds``, as a model that writes does, and keep the chapter."""
    time.sleep(seconds)
    worker = socket.gethostname()
    store.write_chapter(self.request.id, title, f"What is known about {title}.", worker)
    return {"title": title, "worker": worker, "version": VERSION}


@app.task(ignore_result=True)
def tick() -> None:
    """What beat asks for, all the time."""
    store.tick()
