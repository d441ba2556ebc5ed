# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a route: what the controller hands over to a host, and the paths and names that nginx, the host and the service share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .base import Contract, ContractError, option

FOLDER = Path("/etc/latentum-ops/authentication")  # one folder a stack
SOCKET = Path("/run/latentum-ops-auth.sock")
KINDS = ("basic", "api_key", "jwt", "client_ca", "forward")
# The kinds about which nginx asks the service; the others it judges itself, or asks somebody else.
ASKED = ("api_key", "jwt")
# Asymmetric ones only: whoever verifies a signature by a shared secret could make it as well.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,180}")
_STACK = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True)
class AuthenticationLimit(Contract):
    """Requests that one caller may send, counted by the name that was verified."""

    requests: int = option("So many requests.", least=1, most=100000)
    per: str = option("The time in which they are counted.", "second", choices=("second", "minute"))
    burst: int = option("So many more at once.", 0, least=0, most=100000)


@dataclass(frozen=True)
class RouteAuthentication(Contract):
    """How the callers of a route are recognized; secrets by their names in the store of the stack."""

    name: str = option("Its name; that of its files, and by which sites refer to it.")
    stack: str = option("The stack whose route it is.")
    kind: str = option("How callers are recognized.", choices=KINDS)
    users: Mapping[str, str] = option("Of V(basic), the name of a user and the secret that is the password.", {})
    realm: str = option("What a browser shows when it asks for the password, and clients of an API see.", "")
    header: str = option("Of V(api_key), the header that carries the key.", "")
    keys: Mapping[str, str] = option("Of V(api_key), the name of a caller and the secret that is the key.", {})
    jwks: str = option("Of V(jwt), the URL of the key set.", "")
    public_keys: tuple[str, ...] = option("Of V(jwt), public keys in PEM, instead of a key set.", ())
    algorithms: tuple[str, ...] = option("Of V(jwt), the signatures that are accepted.", (), choices=ALGORITHMS)
    issuer: str = option("Of V(jwt), who must have issued a token.", "")
    audience: tuple[str, ...] = option("Of V(jwt), for whom a token must be; one of these.", ())
    leeway: float = option("Of V(jwt), by how many seconds clocks may differ.", 30.0, least=0, most=300)
    user_claim: str = option("Of V(jwt), the claim that is the name of the caller.", "sub")
    claims: Mapping[str, str] = option("Of V(jwt), the header of the request and the claim that it hands over.", {})
    ca: str = option("Of V(client_ca), certificates of the authorities, PEM.", "")
    crl: str = option("Of V(client_ca), their revocation lists, PEM.", "")
    login: str = option("Of V(forward), where browsers that are not logged in are sent.", "")
    login_parameter: str = option("Of V(forward), the parameter of that page which gets the address that was asked for.", "rd")
    hosts: tuple[str, ...] = option("Of V(forward), the names under which the route is asked for.", ())
    limit: AuthenticationLimit | None = option("Requests of one caller, of V(api_key) and V(jwt).", None)

    def check(self, key: str) -> None:
        """A name names files."""
        if not _NAME.fullmatch(self.name):
            raise ContractError(f"{key}.name: {self.name!r}: write lower case letters, digits, '.', '_' and '-'")
        if not _STACK.fullmatch(self.stack):
            raise ContractError(f"{key}.stack: {self.stack!r}: write the name of the stack, such as shop")

    @property
    def reference(self) -> str:
        """By which a site file refers to it."""
        return f"{self.stack}/{self.name}"
