# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of `docker login` for a registry, as a request to the engine carries them.

Source: docs.docker.com/reference/cli/docker/login (config.json: `auths`, `credsStore`, `credHelpers`; protocol of the helpers), and
"Authentication" in the Docker Engine API reference (header X-Registry-Auth).
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from ..core.process import CommandError, run

HUB, HUB_KEY = "docker.io", "https://index.docker.io/v1/"  # the name in a reference, and the key in the file
HELPER_TIMEOUT = 15  # seconds


def headers(reference: str) -> dict[str, str]:
    """The header with the credentials for the registry of a reference; none where nobody logged in to it."""
    known = credentials(registry_of(reference))
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(known).encode()).decode()} if known else {}


def registry_of(reference: str) -> str:
    """``registry.example.com:5000`` of ``registry.example.com:5000/shop/web:1``; ``docker.io`` where none is named."""
    first, slash, _rest = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else HUB


def credentials(registry: str) -> dict[str, str]:
    """What `docker login` left for a registry; empty where nobody logged in."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    key = HUB_KEY if registry == HUB else registry
    if helper := (config.get("credHelpers") or {}).get(registry) or config.get("credsStore"):
        return _of_helper(str(helper), key)
    entry = (config.get("auths") or {}).get(key) or (config.get("auths") or {}).get(f"https://{key}") or {}
    if entry.get("identitytoken"):
        return {"identitytoken": str(entry["identitytoken"])}
    try:
        user, _colon, password = base64.b64decode(str(entry.get("auth") or "")).decode().partition(":")
    except ValueError:
        return {}
    return {"username": user, "password": password, "serveraddress": key} if user else {}


def _of_helper(helper: str, key: str) -> dict[str, str]:
    """What a credential helper keeps."""
    try:
        kept = json.loads(run([f"docker-credential-{helper}", "get"], input=key, timeout=HELPER_TIMEOUT).stdout)
        user, secret = str(kept["Username"]), str(kept["Secret"])
    except (CommandError, ValueError, KeyError, TypeError):
        return {}
    return {"identitytoken": secret} if user == "<token>" else {"username": user, "password": secret, "serveraddress": key}
