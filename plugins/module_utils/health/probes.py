# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP look at a container, from the host."""

from __future__ import annotations

import http.client
import re

from ..contracts.health import Probe


class ProbeError(Exception):
    """The container did not answer as declared; the message says how."""


class ProbeTimeout(ProbeError):
    """It did not answer in time."""


class ProbeLimit(ProbeError):
    """It answered well, but what it says is beyond a limit: there is more to do than it can, and no restart changes that."""


def run_probe(probe: Probe, address: str | None, match: str = "") -> None:
    """Ask once; redirects are not followed.

    :param match: a regular expression that must be found in the first 64 KiB of the answer.
    :raises ProbeTimeout: no answer in time.
    :raises ProbeError: no address, no connection, another status, or another text.
    """
    if address is None:
        raise ProbeError("has no address to probe")
    url = f"http://{address}:{probe.port}{probe.path}"
    connection = http.client.HTTPConnection(address, probe.port, timeout=probe.timeout)
    try:
        connection.request("GET", probe.path, headers={"Connection": "close", "User-Agent": "latentum-ops"})
        with connection.getresponse() as answer:
            status, body = answer.status, answer.read(65536) if match else b""
    except TimeoutError as error:
        raise ProbeTimeout(f"{url} did not answer: {type(error).__name__}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ProbeError(f"{url} did not answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if status != probe.status:
        raise ProbeError(f"{url} answered {status}, expected {probe.status}")
    if match and not re.search(match, body.decode(errors="replace")):
        raise ProbeError(f"{url} answered without {match!r}")
