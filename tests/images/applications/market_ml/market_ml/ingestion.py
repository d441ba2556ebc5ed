# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ingestion: a row of market data every few seconds, and a client of Kafka that signs in, as the real one does to read from it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError

from . import store
from .settings import secret

HEARTBEAT = Path("/tmp/heartbeat")
EVERY_SECONDS = 2.0


def signed_in() -> KafkaConsumer:
    """A client that knows the brokers.

    :raises KafkaError: nobody answers, or the account is refused.
    """
    return KafkaConsumer(
        bootstrap_servers=os.environ["KAFKA_SERVERS"].split(","),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_plain_username=os.environ["KAFKA_USER"],
        sasl_plain_password=secret("KAFKA_PASSWORD"),
        request_timeout_ms=10_000,
        session_timeout_ms=6_000,
    )


def run() -> None:
    """Until SIGTERM. The heartbeat stands still while Kafka or the database does not answer."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_signal: stopping.set())
    client: KafkaConsumer | None = None
    while not stopping.wait(EVERY_SECONDS):
        try:
            if client is None:
                client = signed_in()
                print("signed in to Kafka", flush=True)
            client.topics()
            store.ingest(1)
            HEARTBEAT.touch()
        except (KafkaError, SQLAlchemyError, OSError) as error:
            print(f"waiting: {type(error).__name__}: {error}".splitlines()[0][:300], flush=True)
            if client is not None and isinstance(error, KafkaError):
                client.close(autocommit=False)
                client = None
    if client is not None:
        client.close(autocommit=False)
