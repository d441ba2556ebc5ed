# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(certificates): those that an operator brings."""

from __future__ import annotations

import re

from ...contracts.nodes import text
from ...contracts.own_certificate import OwnCertificate
from ...schema import values
from ...schema.nodes import Items, Record, Refused, Text
from ...schema.server_certificate import pem
from ..forms import secret

_LOOKUP = "\"{{ lookup('ansible.builtin.file', '%s') }}\""


def _form(part: str) -> values.Form[str]:
    # A file that is no text comes out of a lookup with each byte that was none in a place of its own.
    return values.Form(lambda value: pem(value.encode("utf-8", "surrogateescape"), part).decode(), "PEM, CERTIFICATE")


@values.form("file of the host")
def host_file(value: str) -> str:
    """An absolute path."""
    if not re.fullmatch(r"/[A-Za-z0-9/_.@+-]+", value) or ".." in value.split("/") or value.endswith("/"):
        raise Refused("is not the path of a file on the host", "write it from the root, without spaces, such as /etc/ssl/company/app.pem")
    return value


CERTIFICATE = Record(
    description="A certificate and the sites that have it.",
    fields={
        "domains": Items(
            of=Text(default="", check=values.domain, example="app.example.com"),
            default=[],
            required=True,
            example="[app.example.com]",
            description="The domains of sites (of C(routes), C(redirects), C(streams) and of the status page) that have it instead of one"
            " by certbot. It must be valid for each of them and its aliases.",
        ),
        "chain": text(
            OwnCertificate,
            "chain",
            default=None,
            hidden=True,
            check=_form("chain"),
            example=_LOOKUP % "tls/app.pem",
            description="The certificate, and after it those that have issued it, PEM. The root need not be there.",
        ),
        "chain_file": text(OwnCertificate, "chain_file", check=host_file, example="/etc/ssl/company/app.pem"),
        "ca": text(
            OwnCertificate,
            "ca",
            default=None,
            hidden=True,
            check=_form("ca"),
            example=_LOOKUP % "tls/company_root.pem",
            description="The authority that the chain must end at, PEM: of a company, or of Cloudflare's origin certificates.",
            implied="one that the host trusts",
        ),
        "key_secret": secret("The secret that is the private key, PEM; of C(kind) V(provided).", "app_tls_key"),
        "key_file": text(
            OwnCertificate,
            "key_file",
            check=host_file,
            example="/etc/ssl/private/app.key",
            description="The private key as a file of the host instead, which only root may read.",
        ),
    },
    example="{domains: [app.example.com], chain: " + _LOOKUP % "tls/app.pem" + ", key_secret: app_tls_key}",
)
CERTIFICATES = Items(
    of=CERTIFICATE,
    default=[],
    example=f"[{CERTIFICATE.example}]",
    description="Certificates of your own, for sites whose certificates certbot is not to issue. They are checked before anything changes"
    " (key, order, names, validity), and do not belong to a release: a rollback keeps the present one.",
)
