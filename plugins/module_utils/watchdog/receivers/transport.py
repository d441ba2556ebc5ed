# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all receivers share: the error, secrets read when they are needed, whom to trust, one HTTP POST."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...core.masking import HIDDEN, line, mask
from ..credentials import path_of

# Debian's requests verifies against it by itself; any other one is told to.
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
CONNECT, ANSWER = 10.0, 15.0  # seconds
_LATER = {408, 425, 429}  # of the 4xx, those that mean: not now


class SendError(Exception):
    """It was not accepted; the text says why without any secret.

    :param final: trying again by itself will not help (a wrong password, a revoked webhook): a human must.
    :param content: this message was refused for its form; said more plainly it may be taken.
    :param after: seconds for which the receiver asked to be left alone.
    :param left: those receivers that did not get it, when others did.
    """

    def __init__(self, text: str, *, final: bool = False, content: bool = False, after: float = 0.0, left: list[str] | None = None) -> None:
        super().__init__(line(text, 300))
        self.final, self.content, self.after, self.left = final or content, content, after, left or []


def read_secret(path: str) -> str:
    """The secret in a file of the store, without the line end.

    :raises SendError: there is none.
    """
    try:
        secret = path_of(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SendError(f"the secret {path} cannot be read ({type(error).__name__}): run the playbook again", final=True) from None
    if not secret:
        raise SendError(f"the secret {path} is empty: set it", final=True)
    return secret


def trust() -> ssl.SSLContext:
    """Verifies certificates and names against what this host trusts."""
    return ssl.create_default_context(cafile=str(SYSTEM_CA) if SYSTEM_CA.exists() else None)


def post(url: str, body: Mapping[str, Any], *, secret: str) -> str:
    """POST as JSON; returns the beginning of the answer. A proxy of the environment is used, redirects are not followed.

    :param url: may be the secret itself: only its host is ever named.
    :param secret: never to be seen, should the receiver repeat it.
    :raises SendError: not accepted with a 2xx.
    """
    import requests

    where = _host(url)
    verify: bool | str = str(SYSTEM_CA) if SYSTEM_CA.exists() else True
    verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or verify
    try:
        answer = requests.post(url, json=body, timeout=(CONNECT, ANSWER), allow_redirects=False, verify=verify)
    except requests.exceptions.SSLError:
        raise SendError(f"{where}: no TLS connection: its certificate does not verify, or it speaks no TLS") from None
    except requests.exceptions.ProxyError:
        raise SendError(f"{where}: the proxy did not connect") from None
    except requests.exceptions.Timeout as error:
        raise SendError(f"{where} did not answer in time ({type(error).__name__})") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
        raise SendError("the address is no http or https URL: correct the secret", final=True) from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise SendError(f"{where} did not answer ({type(error).__name__})") from None
    beginning = mask(answer.text[:4096].replace(secret, HIDDEN))[:200]
    if 200 <= answer.status_code < 300:
        return beginning
    text = f"{where} answered {answer.status_code}" + (f": {beginning}" if beginning.strip() else "")
    if answer.status_code >= 500 or answer.status_code in _LATER:
        raise SendError(text, after=retry_after(answer.headers.get("Retry-After", "")))
    raise SendError(text, final=True, content=answer.status_code in {400, 413, 422})


def retry_after(value: str) -> float:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date); 0 for none or one that cannot be read."""
    try:
        return max(0.0, float(value) if value.strip().isdecimal() else parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _host(url: str) -> str:
    """Host and port of a URL, nothing else of it."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or "the receiver"
    except ValueError:
        return "the receiver"
