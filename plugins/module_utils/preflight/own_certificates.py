# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the operator brings: whatever of them can be looked at before secrets are written, before anything changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..contracts.own_certificate import OwnCertificate
from ..schema.nodes import Problem
from ..tls import own
from .host import Host


def usable(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Files of the host, and whom it trusts. Keys from the store are compared when they are there; the store may have those of before."""
    given = wanted["nginx"].get("own_certificates", ())
    certificates = [OwnCertificate.from_dict(item, f"own_certificates[{index}]") for index, item in enumerate(given)]
    try:
        yield from own.problems(certificates)
    except ImportError as error:
        raise ValueError(f"python3-cryptography is not here yet, certificates are looked at later in the run ({error.name})") from None


def twice(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One that certbot is asked for as well would be replaced by each of the two roles in turn."""
    own_names = {str(item["name"]) for item in wanted["nginx"].get("own_certificates", ())}
    for item in wanted["nginx"].get("certificates", ()):
        if item["name"] in own_names:
            problem = "is a certificate of your own, and among those that certbot is asked for"
            yield Problem("certbot_certificates", str(item["name"]), problem, "remove it from one of the two")
