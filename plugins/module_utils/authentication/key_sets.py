# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of public keys, from a URL (RFC 7517) or from the declaration. The last good set goes on while its server does not answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text, write_atomic

REFRESH = 600.0  # seconds after which a set is fetched anew: a key that was withdrawn is out of use then
PATIENCE = 10.0  # seconds between two attempts, whether tokens name a key that is not known or the server does not answer
TIMEOUT = 5.0
LARGEST = 512 * 1024
MOST_KEYS = 100
LOG = logging.getLogger(__name__)
# What a key can verify, by its type and curve (RFC 7518, RFC 8037). A key is never used for anything else, whatever a token says.
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "Ed25519": ("EdDSA",), "Ed448": ("EdDSA",)}
SMALLEST_RSA = 2048  # bits (RFC 7518, 3.3)


@dataclass(frozen=True)
class Key:
    """A public key, and the algorithms that it verifies."""

    name: str
    algorithms: tuple[str, ...]
    public: Any = field(repr=False)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where they were declared to be."""

    def redirect_request(self, *_arguments: Any, **_more: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def fetch(url: str) -> bytes:
    """The document of a URL.

    :raises OSError: it does not answer, or with something else.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "latentum-ops-auth"})  # noqa: S310 - https alone
    with _OPENER.open(request, timeout=TIMEOUT) as response:
        body: bytes = response.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise OSError(f"{url} sent more than {LARGEST} bytes")
    return body


def keys_of(document: bytes | str) -> tuple[Key, ...]:
    """The usable keys of a set: asymmetric, public, and meant for signatures. Those of other kinds are passed over.

    :raises ValueError: it is no key set, or has no usable key.
    """
    raw = json.loads(document)
    items = raw.get("keys") if isinstance(raw, Mapping) else None
    if not isinstance(items, list):
        raise ValueError("is no key set: it has no list of keys")
    keys = tuple(key for item in items[:MOST_KEYS] if isinstance(item, Mapping) and (key := _key(item)))
    if not keys:
        raise ValueError("has no key that verifies signatures")
    return keys


def _key(item: Mapping[str, Any]) -> Key | None:
    from jwt import PyJWK
    from jwt.exceptions import InvalidKeyError, PyJWKError

    possible: tuple[str, ...] = (
        _RSA if item.get("kty") == "RSA" else _CURVES.get(str(item.get("crv")), ()) if item.get("kty") in ("EC", "OKP") else ()
    )
    if item.get("alg"):
        possible = tuple(name for name in possible if name == item["alg"])
    operations = item.get("key_ops")
    if not possible or item.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None
    # Without what only its owner should have: a set that shows it must not make us hold it.
    public = {name: value for name, value in item.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth", "alg", "key_ops")}
    try:
        loaded = PyJWK(public, algorithm=possible[0]).key
    except (PyJWKError, InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    if item.get("kty") == "RSA" and loaded.key_size < SMALLEST_RSA:
        return None
    return Key(str(item.get("kid") or ""), possible, loaded)


def declared(pems: Sequence[str]) -> tuple[Key, ...]:
    """Keys in PEM, without names.

    :raises ValueError: one of them is none.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for pem in pems:
        public = load_pem_public_key(pem.encode())
        if isinstance(public, rsa.RSAPublicKey):
            if public.key_size < SMALLEST_RSA:
                raise ValueError(f"an RSA key has at least {SMALLEST_RSA} bits")
            keys.append(Key("", _RSA, public))
        elif isinstance(public, ec.EllipticCurvePublicKey):
            curve = {"secp256r1": ("ES256",), "secp384r1": ("ES384",)}.get(public.curve.name)
            if curve is None:
                raise ValueError(f"a key on the curve {public.curve.name} verifies none of the accepted algorithms")
            keys.append(Key("", curve, public))
        elif isinstance(public, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            keys.append(Key("", ("EdDSA",), public))
        else:
            raise ValueError("a public key is of RSA, an elliptic curve, or Ed25519")
    return tuple(keys)


class NotYet(Exception):
    """The key of a token is not known, and may be by the time the set has been fetched."""

    def __init__(self, key_set: KeySet) -> None:
        super().__init__(key_set.url)
        self.key_set = key_set


class KeySet:
    """The keys of one URL. Only whoever brings a token by a key that is not known waits for the network.

    :param cache: a folder where the last good set is kept, so that the service may start while the server is down.
    """

    def __init__(
        self,
        url: str,
        cache: Path | None = None,
        *,
        get: Callable[[str], bytes] = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self.get, self.clock = url, get, clock
        self.file = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json" if cache else None
        self.keys: tuple[Key, ...] = ()
        self.generation = 0  # counts sets that differ, for whoever remembers what was verified
        self._fetched = self._tried = -REFRESH - PATIENCE
        self._document = b""
        self._busy = threading.Lock()
        if self.file and (text := read_text(self.file)):
            with contextlib.suppress(ValueError):
                self.keys, self._document = keys_of(text), text.encode()

    def candidates(self, name: str, algorithm: str) -> list[Key]:
        """The keys that may have signed a token.

        :param name: its C(kid); empty where it has none.
        :raises NotYet: there is none, and the server has not been asked for a while.
        """
        known = self._named(name, algorithm)
        if not known and (self._busy.locked() or self._due(PATIENCE)):
            raise NotYet(self)
        self.keep_fresh()
        return known

    def keep_fresh(self) -> None:
        """Fetch a set that is old, beside everything else."""
        if self.clock() - self._fetched >= REFRESH and self._due(PATIENCE) and not self._busy.locked():
            threading.Thread(target=self.fetch, daemon=True).start()

    def _due(self, pause: float) -> bool:
        return self.clock() - self._tried >= pause

    def _named(self, name: str, algorithm: str) -> list[Key]:
        """By its name. A key without a name may have signed any token, and a token without one be signed by any key."""
        return [key for key in self.keys if algorithm in key.algorithms and (not name or not key.name or key.name == name)]

    def fetch(self) -> None:
        """Ask the server; whoever comes meanwhile waits for the same answer."""
        with self._busy:
            if self._due(PATIENCE):
                self._tried = self.clock()
                self._fetch()

    def _fetch(self) -> None:
        try:
            document = self.get(self.url)
            keys = keys_of(document)
            self._fetched = self.clock()
            if document != self._document:
                self.keys, self._document = keys, document
                self.generation += 1
                LOG.info("%s: %d keys", self.url, len(keys))
                if self.file:
                    write_atomic(self.file, document, 0o600, -1, -1)
        except (OSError, ValueError, urllib.error.URLError) as error:
            LOG.warning("%s: %s; %s", self.url, error, f"{len(self.keys)} keys of before go on" if self.keys else "no token is accepted")
