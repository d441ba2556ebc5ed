# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one message over one route, by its kind. Only the deliverer imports this, so the daemon stays small."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from ..alerting.message import Message
from ..alerting.routes import Route
from . import apprise, email, pagerduty, slack
from .transport import SendError

Send = Callable[[Route, Message, bool, Sequence[str]], None]

KINDS: dict[str, Send] = {
    "email": email.send,
    "slack": slack.send,
    "pagerduty": pagerduty.send,
    "apprise": apprise.send,
}
LIBRARIES = {"slack": "requests", "pagerduty": "requests", "apprise": "apprise"}


def load_libraries(kinds: Iterable[str]) -> None:
    """Import what these kinds need, before there are threads: packages that several threads import at once may be seen half made.

    One that is not installed is the failure of its routes alone, and told by them.
    """
    for library in sorted({LIBRARIES[kind] for kind in kinds if kind in LIBRARIES}):
        with suppress(ImportError):
            importlib.import_module(library)


def send(route: Route, message: Message, plain: bool, left: Sequence[str]) -> None:
    """Returns when the receiver has accepted.

    :param plain: in the simplest form, as the receiver refused the rich one.
    :param left: only to these of the route's receivers; empty for all.
    :raises SendError: it was not accepted, or not by all.
    """
    kind = KINDS.get(route.kind)
    if kind is None:
        raise SendError(
            f"alerts.{route.name}: the kind {route.kind} is not known to this version: update the collection on the host", final=True
        )
    try:
        kind(route, message, plain, left)
    except KeyError as error:
        raise SendError(f"alerts.{route.name}: {error.args[0]} is missing: run the playbook again", final=True) from None
