# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of image registries: whether an image is there, and which user it runs as, without fetching it.

The engine can be asked the same (`EngineApi.inspect_distribution`), but on a bare host there is none yet, and one that runs does not know
the certificate authorities that a run is about to bring. Source: OCI Distribution Specification 1.1 (manifests and blobs), OCI Image Format
Specification (config), and the token authentication of the Distribution project.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from platform import machine
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from .registry_auth import HUB, credentials, registry_of

HUB_SERVER = "registry-1.docker.io"
TIMEOUT = 10  # seconds for one answer
LARGEST = 4 * 1024 * 1024  # bytes of a manifest or config; the engine's own limit for manifests
CERTIFICATES = Path("/etc/docker/certs.d")  # a folder a registry, as the engine reads it
PAGE, MOST_TAGS = 1000, 20_000  # tags in one answer, and of one image
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}


class Reason(Enum):
    """Why a registry does not give an image."""

    MISSING = "missing"  # it has no such repository or tag
    LOGIN = "login"  # it does not know who asks, or does not let them
    UNTRUSTED = "untrusted"  # its certificate is signed by nobody that is trusted here, or for another name
    PLAIN = "plain"  # it speaks HTTP without TLS
    SILENT = "silent"  # it cannot be reached, or does not answer as a registry
    UNKNOWN = "unknown"  # only the engine can ask it


class RegistryRefusal(Exception):
    """A registry does not give an image; `reason` is what to do something about."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Reference:
    """``registry/repository:tag`` or ``…@digest``, its parts written out."""

    registry: str
    repository: str
    version: str

    @property
    def server(self) -> str:
        """The host (and port) that is asked."""
        return HUB_SERVER if self.registry == HUB else self.registry


def parsed(reference: str) -> Reference:
    """The parts of a reference as the engine reads it: Docker Hub and ``latest`` where nothing else is said."""
    registry = registry_of(reference)
    rest = reference.removeprefix(f"{registry}/")
    rest, _at, digest = rest.partition("@")
    repository, tag = re.fullmatch(r"(.*?)(?::([^/:]+))?", rest).groups()  # type: ignore[union-attr]  # it matches everything
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, digest or tag or "latest")


@dataclass(frozen=True)
class Registries:
    """How registries are reached from this host.

    :param authorities: certificates (PEM) that are trusted beside the system's, by registry; ``""`` for all of them.
    :param insecure: registries whose certificate is not looked at.
    :param proxies: by scheme, as the engine's own configuration names them.
    """

    authorities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    insecure: Sequence[str] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    certificates: Path = CERTIFICATES

    def require(self, reference: str) -> None:
        """Ask whether an image is there; that counts for no limit of pulls.

        :raises RegistryRefusal: the registry does not give it.
        """
        asked = parsed(reference)
        _Session(asked, self).answer("HEAD", f"manifests/{asked.version}", (*INDEXES, *MANIFESTS)).close()

    def digest(self, reference: str) -> str:
        """The digest of what a tag names now; empty where the registry does not say. That counts for no limit of pulls, either.

        :raises RegistryRefusal: it does not give the image.
        """
        asked = parsed(reference)
        with _Session(asked, self).answer("HEAD", f"manifests/{asked.version}", (*INDEXES, *MANIFESTS)) as answer:
            return str(answer.headers.get("Docker-Content-Digest") or "")

    def tags(self, image: str) -> list[str]:
        """The tags of an image, in the order of the registry.

        :raises RegistryRefusal: it does not list them.
        """
        session, found, last = _Session(parsed(image), self), list[str](), ""
        while True:
            page = session.json(f"tags/list?n={PAGE}{last}", ()).get("tags") or []
            new = [tag for tag in page if isinstance(tag, str) and tag not in found]
            found += new
            if len(page) < PAGE or not new or len(found) >= MOST_TAGS:
                return found
            last = f"&last={quote(new[-1], safe='')}"

    def user(self, reference: str) -> str | None:
        """The user that an image runs as, as its config names it; None where the registry has the image and does not say.

        :raises RegistryRefusal: it does not give the image.
        """
        asked = parsed(reference)
        session = _Session(asked, self)
        manifest = session.json(f"manifests/{asked.version}", (*INDEXES, *MANIFESTS))
        try:
            if "manifests" in manifest:
                manifest = session.json(f"manifests/{_for_this_machine(manifest)}", MANIFESTS)
            config = session.json(f"blobs/{manifest['config']['digest']}", ())
            return str((config.get("config") or {}).get("User") or "")
        except (KeyError, TypeError, AttributeError, RegistryRefusal):
            return None  # an image of another form: that it is there is known

    def context(self, registry: str) -> ssl.SSLContext:
        """Whom to trust about a registry."""
        context = ssl.create_default_context()
        if registry in self.insecure or re.match(r"(localhost|127\.[0-9.]+)(:|$)", registry):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for text in (*self.authorities.get("", ()), *self.authorities.get(registry, ())):
            context.load_verify_locations(cadata=text)
        with suppress(OSError):
            for file in sorted((self.certificates / registry).iterdir()):
                if file.suffix == ".crt":
                    context.load_verify_locations(cafile=str(file))
                elif file.suffix == ".cert":
                    context.load_cert_chain(str(file), str(file.with_suffix(".key")))
        return context


def _for_this_machine(index: Mapping[str, Any]) -> str:
    """The digest of the manifest for this machine's processor; of the first one where none is named so."""
    own = ARCHITECTURES.get(machine(), machine())
    entries = [entry for entry in index["manifests"] if (entry.get("platform") or {}).get("architecture") == own]
    return str((entries or index["manifests"])[0]["digest"])


class _Session:
    """Requests about one repository, with the token that its registry asks for."""

    def __init__(self, reference: Reference, registries: Registries) -> None:
        self.reference = reference
        self.known = credentials(reference.registry)
        self.authorization = ""
        try:
            context = registries.context(reference.registry)
        except (OSError, ValueError) as error:
            raise RegistryRefusal(Reason.UNTRUSTED, f"its certificate authority cannot be read: {error}") from error
        self.opener = build_opener(HTTPSHandler(context=context), ProxyHandler(dict(registries.proxies)))

    def json(self, path: str, accept: Sequence[str]) -> dict[str, Any]:
        """A document of the repository."""
        with self.answer("GET", path, accept) as answer:
            return _document(answer)

    def answer(self, method: str, path: str, accept: Sequence[str]) -> HTTPResponse:
        """The answer to one request about the repository, authorized as the registry wants it."""
        url = f"https://{self.reference.server}/v2/{self.reference.repository}/{path}"
        headers = {"Accept": ", ".join(accept)} if accept else {}
        try:
            return self._open(url, headers, method)
        except HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "") if error.code == 401 and not self.authorization else ""
            if not challenge:
                raise _refusal(error) from error
            self._authorize(challenge)
            try:
                return self._open(url, headers, method)
            except HTTPError as again:
                raise _refusal(again) from again

    def _open(self, url: str, headers: Mapping[str, str], method: str = "GET") -> HTTPResponse:
        request = Request(url, headers=dict(headers), method=method)  # noqa: S310  # https, or what a registry names
        if self.authorization:
            # Not sent on to the storage that a registry redirects to.
            request.add_unredirected_header("Authorization", self.authorization)
        try:
            answer: HTTPResponse = self.opener.open(request, timeout=TIMEOUT)
        except HTTPError:
            raise
        except (OSError, HTTPException) as error:
            raise _silence(error) from error
        return answer

    def _authorize(self, challenge: str) -> None:
        """Answer the challenge of a registry: with the login itself, or with a token that its server gives for it."""
        scheme, _space, rest = challenge.partition(" ")
        login = ""
        if self.known.get("username"):
            login = "Basic " + base64.b64encode(f"{self.known['username']}:{self.known['password']}".encode()).decode()
        if scheme.lower() == "basic":
            if not login:
                raise RegistryRefusal(Reason.LOGIN, "it wants a login")
            self.authorization = login
            return
        if self.known.get("identitytoken"):
            raise RegistryRefusal(Reason.UNKNOWN, "it is logged in to by a token that only the engine can use")
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = parameters.pop("realm", "")
        if scheme.lower() != "bearer" or not realm.startswith("https://"):
            raise RegistryRefusal(Reason.UNKNOWN, f"it asks for {scheme or 'something'}, which is not known here")
        self.authorization = login
        try:
            with self._open(f"{realm}?{urlencode(parameters)}", {}) as answer:
                token = _document(answer)
        except HTTPError as error:
            raise _refusal(error) from error
        self.authorization = f"Bearer {token.get('token') or token.get('access_token')}"


def _document(answer: HTTPResponse) -> dict[str, Any]:
    try:
        document = json.loads(answer.read(LARGEST))
    except (ValueError, OSError, HTTPException) as error:
        raise RegistryRefusal(Reason.SILENT, f"its answer is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise RegistryRefusal(Reason.SILENT, "its answer is no document of a registry")
    return document


def _refusal(error: HTTPError) -> RegistryRefusal:
    """What a status means."""
    reasons = {401: Reason.LOGIN, 403: Reason.LOGIN, 404: Reason.MISSING, 429: Reason.UNKNOWN}
    return RegistryRefusal(reasons.get(error.code, Reason.SILENT), f"HTTP {error.code} {error.reason}")


def _silence(error: Exception) -> RegistryRefusal:
    """What an error of the connection means."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RegistryRefusal(Reason.UNTRUSTED, cause.verify_message or str(cause))
    if isinstance(cause, ssl.SSLError) and cause.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return RegistryRefusal(Reason.PLAIN, "it speaks HTTP without TLS")
    return RegistryRefusal(Reason.SILENT, str(cause))
