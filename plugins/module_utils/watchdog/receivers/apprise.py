# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything else (ntfy, Telegram, Matrix, Teams, text messages …) by apprise, which is imported only when such a route is used."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from typing import Any

from ..alerting.message import Message, text
from ..alerting.routes import Route
from .transport import SendError, read_secret

PLAIN = 1500  # characters; the service's own limits are apprise's business


def send(route: Route, message: Message, plain: bool, _left: Sequence[str]) -> None:
    """Notify the one URL of the route, which is the secret. apprise says only yes or no; what it logs may name the URL, so it stays silent.

    :raises SendError: it was not accepted.
    """
    url = read_secret(str(route.options["url_file"]))
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise SendError("apprise is not installed on the host: run the playbook again", final=True) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    channel = apprise.Apprise()
    try:
        known = bool(channel.add(url))
    except Exception:  # some versions raise whatever the parts of an odd URL raise
        known = False
    if not known:
        raise SendError(f"alerts.{route.name}: its secret is no URL that apprise knows: correct it", final=True)
    kind = "success" if message.good else {"critical": "failure", "warning": "warning"}.get(message.severity, "info")
    body = message.lead if plain else text(message)
    try:
        accepted = bool(channel.notify(title=message.headline, body=body[:PLAIN] if plain else body, notify_type=kind, body_format="text"))
    except Exception as error:  # a plug-in's own mistake must not take the other routes with it; its words may hold the URL
        raise SendError(f"apprise failed ({type(error).__name__})") from None
    if not accepted:
        raise SendError(f"alerts.{route.name}: apprise could not deliver: look at the service, or try `apprise -vv` with its URL")
