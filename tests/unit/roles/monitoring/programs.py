# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager as the units of the role start them, but for paths and ports of this machine, and who is told."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ...free_ports import free_port
from ...watchdog.receiving import LOGIN, Receiving
from .rendered import AGENT, ALERTMANAGER, FOLDER, PROMETHEUS, RULER, STORAGE, Rendered

CREDENTIALS = "/run/credentials/latentum-ops-alertmanager.service"
# Debian's Alertmanager reads its own templates from there and from nowhere else.
TEMPLATES = "/usr/share/prometheus/alertmanager/default.tmpl"
PATIENCE = 240.0  # seconds after which what is waited for has failed


def until(happened: Callable[[], Any], what: str) -> Any:
    """What it gives once that is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")


def answered(address: str, path: str, body: object = None) -> Any:
    """An answer as data; None where there is none yet."""
    request = urllib.request.Request(
        f"http://{address}{path}", None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.build_opener().open(request, timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return None
    return json.loads(text) if text.startswith(("{", "[")) else text or True


@dataclass
class Numbers:
    """A target of Prometheus that shows what it is told to."""

    server: ThreadingHTTPServer
    lines: dict[str, list[str]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self.server.server_port}"


@contextmanager
def numbers() -> Iterator[Numbers]:
    """Such a target, for as long as this lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            octets = ("\n".join(shown.lines.get(self.path, [])) + "\n").encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    shown = Numbers(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    Thread(target=shown.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield shown
    finally:
        shown.server.shutdown()
        shown.server.server_close()


@dataclass
class Running:
    """Both programs, and who is told."""

    prometheus: str
    alertmanager: str
    receiving: Receiving
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def alert(self, **labels: str) -> dict[str, Any]:
        """An alert, as Prometheus sends it."""
        annotations = {"summary": f"{labels['alertname']} of {labels.get('service', 'nobody')}", "runbook": "opsctl runbook x"}
        return {"labels": labels, "annotations": annotations}

    def send(self, *alerts: Mapping[str, Any]) -> None:
        """Hand alerts to Alertmanager."""
        assert answered(self.alertmanager, "/api/v2/alerts", list(alerts)) is not None

    def chat(self) -> list[str]:
        """The titles that came to the chat."""
        return [message["body"]["attachments"][0]["title"] for message in self.receiving.kept("slack")]


def words_of(rendered: Rendered, unit: str, replaced: Mapping[str, str]) -> list[str]:
    """What a unit starts, here."""
    words = rendered.command(unit)
    words[0] = Path(words[0]).name
    for there, here in replaced.items():
        words = [word.replace(there, here) for word in words]
    return words


def with_templates() -> list[str]:
    """What stands before Alertmanager where it is unpacked and not installed: a view of /usr/share of its own."""
    if Path(TEMPLATES).exists():
        return []
    share = Path(str(shutil.which("prometheus-alertmanager"))).parents[1] / "share"
    view = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /usr/share && exec "$@"', str(share)]
    if subprocess.run([*view, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("Alertmanager is not installed here, and this machine allows no view of its own of /usr/share")
    return view


@contextmanager
def running(rendered: Rendered, receiving: Receiving, folder: Path, targets: Mapping[str, str] | None = None) -> Iterator[Running]:
    """All programs of one back end with what the role has written.

    :param targets: what stands in the files, and what takes its place.
    """
    secrets = folder / "credentials"
    secrets.mkdir()
    base = f"http://127.0.0.1:{receiving.http}"
    for name, value in {
        "chat": f"{base}/slack/T0/B0/hidden",
        "switch": f"{base}/deadman/hidden",
        "pager": "0" * 32,
        "mail": LOGIN.partition(":")[2],
    }.items():
        (secrets / f"shop.{name}").write_text(value)
    prometheus, alertmanager, agent, ruler = (f"127.0.0.1:{free_port()}" for _program in range(4))
    replaced = {
        CREDENTIALS: str(secrets),
        FOLDER: str(folder / "written"),
        "/var/lib/latentum-ops-": f"{folder}/data-",
        "127.0.0.1:9090": prometheus,
        "127.0.0.1:9093": alertmanager,
        "127.0.0.1:8429": agent,
        "127.0.0.1:8880": ruler,
        "127.0.0.1:8088": f"127.0.0.1:{receiving.http}",
        "localhost:2525": f"localhost:{receiving.smtp}",
        **(targets or {}),
    }
    for path in rendered.written(folder / "written").rglob("*.yml"):
        text = path.read_text()
        for there, here in replaced.items():
            text = text.replace(there, here)
        # How long something must hold is for promtool's clock (tests/unit/alert_rules).
        path.write_text(re.sub(r"^(\s+for: ).*$", r"\g<1>0s", text, flags=re.M))
    environment = {**os.environ, "SSL_CERT_FILE": str(receiving.ca)}
    processes: dict[str, subprocess.Popen[str]] = {}

    def start(unit: str, address: str, before: Sequence[str] = (), after: Sequence[str] = ()) -> None:
        words = [*before, *words_of(rendered, unit, replaced), *after]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes[unit] = process

        def ready() -> bool:
            assert process.poll() is None, process.communicate()[0]
            return bool(answered(address, "/-/ready"))

        until(ready, f"{address} is ready")

    try:
        start(ALERTMANAGER, alertmanager, with_templates())
        # What it cannot hand over at first, it hands over again: after a minute where nothing else is said.
        if f"/etc/systemd/system/{PROMETHEUS}" in rendered.files:
            start(PROMETHEUS, prometheus, after=["--rules.alert.resend-delay=1s"])
        else:
            start(STORAGE, prometheus)
            start(AGENT, agent)
            start(RULER, ruler, after=["-rule.resendDelay=1s"])
        yield Running(prometheus, alertmanager, receiving, processes)
    finally:
        for process in reversed(processes.values()):
            process.terminate()
            process.communicate(timeout=PATIENCE)
