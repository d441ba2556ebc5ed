# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(auth) of a route: who may use it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from ....contracts.nodes import duration, text
from ....contracts.route_authentication import ALGORITHMS, RouteAuthentication
from ....schema import values
from ....schema.nodes import Items, Number, Record, Refused, Table, Text
from ...forms import secret, service_name

USER_HEADER = "X-Authenticated-User"
caller_name = values.named(
    r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", "is not the name of a caller", "write letters, digits, . _ @ -, such as ada", "name"
)
_CLAIM = values.named(r"[A-Za-z0-9_.:/-]{1,200}", "is not the name of a claim", "write its name in the token, such as email", "claim")
_PARAMETER = values.named(r"[A-Za-z0-9_.-]{1,40}", "is not the name of a parameter", "write its name, such as rd", "parameter")
_REALM = values.named(
    r"[A-Za-z0-9 .,:()_-]{1,80}", "is not plain text", "write letters, digits, spaces and .,:()_-, such as Members", "text"
)
_TOKEN = values.named(r"[!-~]{1,300}", "is not printable ASCII without spaces", "write it as it stands in the token", "text")
_PATH_AND_QUERY = r"/[A-Za-z0-9/_.~@+%?&=:-]*"
_CERTIFICATES = re.compile(r"(?:\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----)+\s*")
_LISTS = re.compile(r"(?:\s*-----BEGIN X509 CRL-----[A-Za-z0-9+/=\s]+-----END X509 CRL-----)+\s*")
_PUBLIC_KEY = re.compile(r"\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*")
_LOOKUP = "\"{{ lookup('ansible.builtin.file', '%s') }}\""


def _pem(pattern: re.Pattern[str], what: str, marker: str) -> values.Form[str]:
    def check(value: str) -> str:
        if "PRIVATE KEY" in value:
            raise Refused(
                "holds a private key, which nobody needs here", f"write only {what}, and replace that key: it was in an inventory"
            )
        if not pattern.fullmatch(value):
            raise Refused(f"is not {what} in PEM", f"write its text, which begins with -----BEGIN {marker}-----, by a lookup of a file")
        return value.strip() + "\n"

    return values.Form(check, f"PEM, {marker}")


def _encrypted_or_local(value: str, what: str) -> None:
    """:raises Refused: whoever is on the way could say who is let in."""
    url = urlsplit(value)
    try:
        loopback = url.hostname == "localhost" or ip_address(url.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if url.scheme == "http" and not loopback:
        raise Refused(f"is not encrypted: whoever is on the way could answer as {what}", f"write https://{value.partition('://')[2]}")


@values.form("address")
def key_set_url(value: str) -> str:
    """The URL of a key set."""
    if not re.fullmatch(r"https?://[^\s/@?#]+/[^\s#]*", value):
        raise Refused("is not the address of a key set", "write https://auth.example.com/.well-known/jwks.json; of a file public_keys:")
    _encrypted_or_local(value, "the issuer")
    return value


@values.form("address")
def login_url(value: str) -> str:
    """The page to which browsers are sent; the address that they asked for is appended as a parameter."""
    if not re.fullmatch(r"(?:https://[A-Za-z0-9.-]+(?::[0-9]+)?)?" + _PATH_AND_QUERY, value) or value.startswith("//"):
        raise Refused("is not the address of a page", "write https://auth.example.com/, or /oauth2/start for a path of the same domain")
    return value


@values.form("address")
def forward_url(value: str) -> str:
    """Where an authentication service outside the stack answers: by an address, since nginx does not start where a name is not resolved."""
    match = re.fullmatch(r"https?://(\[[0-9a-fA-F:]+\]|[^\s/@:?#]+)(?::[0-9]{1,5})?" + _PATH_AND_QUERY, value)
    if not match:
        raise Refused("is not the address of an authentication service", "write http://127.0.0.1:9091/api/authz/auth-request")
    try:
        ip_address(match[1].strip("[]"))
    except ValueError:
        raise Refused(
            "has a name, and nginx would not start while it is not resolved",
            "write its address (https://10.0.0.5/verify) and the name as host:, or service: and port: for one of the stack",
        ) from None
    _encrypted_or_local(value, "that service")
    return value


@values.form("path")
def forward_path(value: str) -> str:
    """A path with a query."""
    if not re.fullmatch(_PATH_AND_QUERY, value) or value.startswith("//"):
        raise Refused("is not a path", "write a path such as /api/authz/auth-request")
    return value


BASIC = Record(
    description="Users with passwords, asked for by the browser. nginx checks them itself.",
    fields={
        "users": Table(
            of=secret("The secret that is the password.", "ada_password"),
            name=caller_name,
            default={},
            required=True,
            example="{ada: ada_password, bob: bob_password}",
            description="The name of a user, and the entry of C(secrets) that is the password.",
        ),
        "realm": Text(default="Restricted", check=_REALM, example="Members", description="What the browser shows when it asks."),
    },
    example="{users: {ada: ada_password}}",
)
API_KEY = Record(
    description="Keys in a header, each with the name of its caller. Never in a query, which logs, histories and referrers keep.",
    fields={
        "header": Text(
            default="X-API-Key",
            check=values.header_name,
            example="X-API-Key",
            description="The header that carries the key. In V(Authorization) it stands after C(Bearer).",
        ),
        "keys": Table(
            of=secret("The secret that is the key.", "partner_key"),
            name=caller_name,
            default={},
            required=True,
            example="{partner: partner_key}",
            description="The name of a caller, and the entry of C(secrets) that is the key. Adding or removing one needs no reload.",
        ),
    },
    example="{keys: {partner: partner_key}}",
)
JWT = Record(
    description="Signed tokens of an identity provider, as C(Authorization: Bearer).",
    fields={
        "jwks": Text(
            check=key_set_url,
            example="https://auth.example.com/.well-known/jwks.json",
            description="The URL of the provider's keys. They are fetched anew now and then and when a token names a new one;"
            " the last good ones go on while it does not answer.",
        ),
        "public_keys": Items(
            of=Text(default="", check=_pem(_PUBLIC_KEY, "a public key", "PUBLIC KEY"), hidden=True, example=_LOOKUP % "issuer.pub"),
            default=[],
            description="Public keys in PEM, instead of C(jwks).",
        ),
        "algorithms": Items(
            of=Text(default="", choices=ALGORITHMS, example="RS256"),
            default=["RS256", "ES256", "EdDSA"],
            example="[RS256]",
            description="The signatures that are accepted. None by a shared secret, and never C(none).",
        ),
        "issuer": text(
            RouteAuthentication,
            "issuer",
            default=None,
            check=_TOKEN,
            example="https://auth.example.com/",
            description="The claim C(iss) that a token must have, to the letter.",
            implied="any",
        ),
        "audience": Items(
            of=Text(default="", check=_TOKEN, example="https://api.example.com"),
            default=[],
            required=True,
            example="[https://api.example.com]",
            description="For whom a token must be (claim C(aud)); one of these. Without it a token for any other service would do.",
        ),
        "leeway": duration(RouteAuthentication, "leeway", "30s", description="By how much clocks may differ."),
        "user": text(RouteAuthentication, "user_claim", check=_CLAIM, example="email", description="The claim that is the caller's name."),
        "headers": Table(
            of=Text(default="", check=_CLAIM, example="email"),
            name=values.header_name,
            default={},
            example="{X-User-Email: email}",
            description="Further headers for the service, each with the claim that it gets; lists are joined by commas.",
        ),
    },
    example="{jwks: https://auth.example.com/.well-known/jwks.json, audience: [https://api.example.com]}",
)
CLIENT_CA = Record(
    description="Certificates of clients (mutual TLS), issued by an authority of yours.",
    fields={
        "ca": Text(
            required=True,
            default="",
            hidden=True,
            check=_pem(_CERTIFICATES, "certificates of authorities", "CERTIFICATE"),
            example=_LOOKUP % "clients_ca.pem",
            description="The authorities' certificates, PEM. The same for all routes of a domain.",
        ),
        "crl": Text(
            hidden=True,
            check=_pem(_LISTS, "revocation lists", "X509 CRL"),
            example=_LOOKUP % "clients_ca.crl",
            description="A revocation list of each authority, PEM. One that has run out refuses everybody.",
        ),
        "depth": Number(default=1, least=1, most=9, example="2", description="The longest chain from a client to an authority."),
    },
    example="{ca: " + _LOOKUP % "clients_ca.pem" + "}",
)
FORWARD = Record(
    description="Another service decides: oauth2-proxy, Authelia, authentik, or your own. It gets the request without its body.",
    fields={
        "service": Text(check=service_name, example="authelia", description="A service of the Compose file that decides."),
        "port": Number(default=None, least=1, most=65535, example="9091", description="Its port inside the container."),
        "path": Text(default="/", check=forward_path, example="/api/authz/auth-request", description="The path that is asked there."),
        "url": Text(
            check=forward_url,
            example="http://127.0.0.1:9091/api/authz/auth-request",
            description="Where one outside the stack answers, instead of C(service), C(port) and C(path).",
        ),
        "host": Text(
            check=values.domain, example="auth.example.com", description="Its name, for C(url) with an address.", implied="of C(url)"
        ),
        "login": Text(
            check=login_url,
            example="https://auth.example.com/",
            description="The page to which a browser that is not logged in is sent, with the address that it asked for."
            " Without it, and for whatever is no page, the answer is 401.",
        ),
        "login_parameter": text(
            RouteAuthentication, "login_parameter", check=_PARAMETER, example="rd", description="The parameter that gets this address."
        ),
        "headers": Items(
            of=Text(default="", check=values.header_name, example="Remote-User"),
            default=["Remote-User"],
            example="[Remote-User, Remote-Groups, Remote-Email]",
            description="Headers of its answer that the service gets; the first is the name of the caller."
            " What clients send under these names is removed.",
        ),
    },
    example="{service: authelia, port: 9091, path: /api/authz/auth-request}",
)
AUTH = Record(
    description="Who may use the route: exactly one of C(basic), C(api_key), C(jwt), C(client_ca) and C(forward).",
    fields={
        "basic": BASIC,
        "api_key": API_KEY,
        "jwt": JWT,
        "client_ca": CLIENT_CA,
        "forward": FORWARD,
        "public": Items(
            of=Text(default="", check=values.path, example="/health"),
            default=[],
            example="[/health, /docs]",
            description="Paths below the route that need none, as clients ask for them.",
        ),
        "user_header": Text(
            default=USER_HEADER,
            check=values.header_name,
            example=USER_HEADER,
            description="The header in which the service gets the name of the caller. It is removed from what clients send.",
        ),
    },
    example="{basic: {users: {ada: ada_password}}}",
)
