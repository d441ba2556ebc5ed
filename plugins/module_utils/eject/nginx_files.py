# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx without the engine: upstreams on ports of loopback, sites that name certificates where certbot keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..contracts.delivery import RECEIVER_SOCKET
from ..contracts.route_authentication import FOLDER
from ..contracts.upstreams import Upstream
from ..nginx.site_file import LEFT
from ..nginx.sync import balance_lines, definitions
from .project import LOOPBACK, Listening

OWN_AUTHENTICATION = "/etc/nginx/authentication"  # users with passwords and authorities of clients, which nginx reads itself
_SERVICE = re.compile(r"^upstream ops_auth_", re.MULTILINE)
CERTIFICATE = re.compile(r"/etc/latentum-ops/tls/([^/\s;]+)/")
# Locations of role nginx's template that lead to programs of this collection, and what is said in their place.
_GONE = {
    r"alias /run/latentum-ops-watchdog/": "The status page went with the watchdog.",
    rf"proxy_pass http://unix:{re.escape(RECEIVER_SOCKET)};": "Releases that come by themselves went with the engine.",
}
_LOCATION = r"^(    location [^\n]*\{{\n)(?:(?!    \}}\n).*\n)*?        {}(?:.*\n)*?    \}}\n"
_OWN_HEAD = re.compile(r"\A(?:#[^\n]*\n)+")


def upstream(definition: Upstream, listening: Sequence[Listening]) -> str:
    """The file of an upstream (ngx_http_upstream_module). A server that refuses connections is left out for a while, as nginx does it
    unless told otherwise: nobody else does that now."""
    numbers = [
        number
        for listener in listening
        if (listener.service, listener.port) == (definition.service, definition.port)
        for number in listener.published
    ]
    lines = [f"upstream {definition.name} {{", f"    zone {definition.name} 128k;"]
    lines += balance_lines(definition)
    lines += [f"    server {LOOPBACK}:{number};" for number in numbers]
    if definition.keepalive:
        lines.append(f"    keepalive {definition.keepalive};")
    return LEFT + "\n".join([*lines, "}", ""]) + definitions(definition, "left")


def site(content: str, certificates: Mapping[str, str]) -> str:
    """A site file as it is left.

    :param certificates: name of a certificate to the folder that has it from now on.
    """
    text = CERTIFICATE.sub(lambda match: f"{certificates[match[1]].rstrip('/')}/", content)
    text = text.replace(f"{FOLDER}/", f"{OWN_AUTHENTICATION}/")
    for inside, why in _GONE.items():
        text = re.sub(_LOCATION.format(inside), rf"\1        # {why}\n        return 410;\n    }}\n", text, flags=re.MULTILINE)
    return LEFT + _OWN_HEAD.sub("", text)


def certificates_of(content: str) -> list[str]:
    """The certificates of this collection that a site names."""
    return list(dict.fromkeys(CERTIFICATE.findall(content)))


def needs_service(content: str) -> bool:
    """A site asks the service of this collection about keys, tokens or logins."""
    return bool(_SERVICE.search(content))


def drop_in(content: str) -> str:
    """A drop-in of nginx's unit without the reload of this collection: nginx's own is there again."""
    kept = [line for line in content.splitlines() if not line.startswith("ExecReload=") and "A reload that nginx refuses" not in line]
    return LEFT + _OWN_HEAD.sub("", "\n".join([*kept, ""]))
