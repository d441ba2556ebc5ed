# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of the documentation: pipelines by their form, and the client with nothing but curl and openssl against a real receiver."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue

from .samples import COMMIT, DIGEST, SECRET
from .test_receiver import Host, etc  # noqa: F401  # a fixture

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
CLIENT = EXAMPLES / "deliver.sh"
needs_curl = pytest.mark.skipif(not shutil.which("curl") or not shutil.which("openssl"), reason="curl or openssl is not here")


@pytest.fixture
def called(queue: Queue, etc: Path) -> Iterator[Host]:  # noqa: F811
    made = Host(queue, etc)
    yield made
    made.close()


def deliver(host: Host, ref: str = "refs/tags/v1.4.3", **more: str) -> subprocess.CompletedProcess[str]:
    address = f"http://127.0.0.1:{host.port}/deliver/shop/generic"
    environment = {**os.environ, "DELIVER_URL": address, "DELIVER_SECRET": SECRET, "DELIVER_PAUSE": "0.1", **more}
    argv = ["sh", str(CLIENT), "acme/shop", ref, COMMIT, f'{{"api": "@{DIGEST}"}}']
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=150, check=False)


def becomes(host: Host, state: State, **more: Any) -> threading.Thread:
    """What waits comes to its end, a moment later."""

    def work() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for entry in host.entries():
                if entry.state is State.WAITING:
                    entry.state = state
                    for name, value in more.items():
                        setattr(entry, name, value)
                    host.queue.save(entry)
                    return
            time.sleep(0.05)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@needs_curl
@pytest.mark.parametrize("secret", [SECRET, "x" * 64, "a long secret, " * 9, "p%s\\n'\"$(id)%d\\055x"])
def test_the_client_signs_calls_and_waits_for_what_really_runs(called: Host, secret: str) -> None:
    called.secrets = [secret]
    becomes(called, State.SUCCEEDED, live="1.4.3")
    done = deliver(called, DELIVER_SECRET=secret)
    assert done.returncode == 0 and "runs: 1.4.3" in done.stderr, done.stderr
    (entry,) = called.entries()
    assert entry.images["api"].endswith(f":1.4.3@{DIGEST}") and entry.request.commit == COMMIT


@needs_curl
def test_what_was_taken_back_fails_the_pipeline(called: Host) -> None:
    becomes(called, State.ROLLED_BACK, live="1.4.2", reason="api is unhealthy")
    done = deliver(called)
    assert done.returncode == 1 and "api is unhealthy" in done.stderr and "runs: 1.4.2" in done.stderr


@needs_curl
@pytest.mark.parametrize(
    ("ref", "more", "code", "words"),
    [
        ("refs/tags/v9.0.0", {}, 1, "403"),
        ("refs/tags/v1.4.3", {"DELIVER_SECRET": "not the secret at all"}, 1, "401"),
        ("refs/heads/develop", {}, 0, "200"),
        ("refs/tags/v1.4.3", {"DELIVER_TIMEOUT": "1"}, 2, "not known after 1 s"),
    ],
)
def test_what_is_refused_and_what_nobody_knows(called: Host, ref: str, more: dict[str, str], code: int, words: str) -> None:
    done = deliver(called, ref, **more)
    assert done.returncode == code and words in done.stderr, done.stderr
    assert SECRET not in done.stderr + done.stdout


@needs_curl
def test_the_secret_is_in_no_list_of_processes() -> None:
    text = CLIENT.read_text()
    uses = [line for line in text.splitlines() if "$DELIVER_SECRET" in line]
    assert "-hmac" not in text and "macopt" not in text
    assert [line for line in uses if 'printf %s "$DELIVER_SECRET"' not in line] == []  # the shell's own


def test_pipelines_are_what_they_look_like() -> None:
    github = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    steps = github["jobs"]["release"]["steps"]
    assert github["permissions"] == {"contents": "read", "packages": "write"}
    assert all("uses" in step or "run" in step for step in steps)
    # Whatever comes from outside reaches a shell by its environment.
    assert not [step for step in steps if "${{" in step.get("run", "")]
    gitlab = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    assert gitlab["deliver"]["stage"] in gitlab["stages"] and "deliver.sh" in gitlab["deliver"]["script"][0]
