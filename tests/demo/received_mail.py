# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mail that the demo's host has sent, as its receiver would read it."""

from __future__ import annotations

import json
import sys
from typing import Any

import demo
from engine import HostsError, docker
from services import PREFIX

RECEIVER = "you@example.test"  # in inventories/demo/host_vars: the mail server is the tests', too
SHOWN = 5


def read(lines: str) -> list[dict[str, Any]]:
    """The mails to this receiver among the lines that tests/receivers keep, the oldest first."""
    return [mail for mail in map(json.loads, lines.splitlines()) if RECEIVER in mail["receivers"]]


def shown(mail: dict[str, Any]) -> str:
    """One mail."""
    body = "\n".join(f"  {line}" for line in mail["text"].strip().splitlines())
    return f"{mail['headers'].get('Date', '')}  {mail['headers'].get('Subject', '')}\n{body}"


def main() -> int:
    """1 with a sentence when the mail server is not there."""
    try:
        kept = docker("exec", f"{PREFIX}receivers", "sh", "-c", "cat /received/mail.jsonl 2>/dev/null || true").stdout
    except HostsError as error:
        print(f"demo: {error}. Is the demo there? `make demo`", file=sys.stderr)
        return 1
    mails = read(kept)
    if not mails:
        print(f"no mail yet: kill something, for example `ssh -F .demo/ssh_config {demo.NAME} sudo docker kill latentum-database-1`")
        return 0
    print("\n\n".join(map(shown, mails[-SHOWN:])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
