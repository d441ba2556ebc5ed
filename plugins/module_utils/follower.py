# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the upstreams true: follows Docker's events and writes what changed, within a fraction of a second."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Any

from .config_set import ConfigSetError
from .docker_client import DockerUnavailable, Engine
from .runner import CommandError
from .upstreams import load, sync

# What can change where a service is reached, or whether it may be.
RELEVANT = ("start", "die", "pause", "unpause", "destroy", "connect", "disconnect", "health_status")
BURST = 0.05  # seconds in which events of one cause arrive together


def say(text: str) -> None:
    """A line for the journal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); nothing outside a unit of type notify."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(state.encode())


def relevant(event: dict[str, Any]) -> bool:
    """The event can change an upstream."""
    return str(event.get("Action", "")).split(":")[0] in RELEVANT


def sync_and_tell(engine: Engine) -> None:
    """One synchronisation; what it changed, or why it could not, goes to the journal."""
    try:
        outcome = sync(engine, load())
    except (ConfigSetError, CommandError, OSError, ValueError) as error:
        say(f"upstreams: not changed: {error}")
        return
    for change in outcome.changes:
        say(f"upstreams: {change.entry.path.name} written")


def follow() -> None:
    """Run until killed; a dead engine is waited for, and everything is looked at again when it is back."""
    ready = False
    while True:
        try:
            engine = Engine()
            seen_at = time.time()
            sync_and_tell(engine)
            if not ready:
                notify("READY=1")
                ready = True
            for event in engine.events(since=seen_at):
                if relevant(event):
                    time.sleep(BURST)
                    sync_and_tell(engine)
        except (DockerUnavailable, OSError) as error:
            # nginx goes on with what it has.
            say(f"upstreams: waiting for Docker: {error}")
            if not ready:
                notify("READY=1")
                ready = True
        time.sleep(1)
