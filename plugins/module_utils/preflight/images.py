# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that the host lacks and no registry gives, and images whose user could not read the secrets of their service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..containers.registry import Reason, Registries, RegistryRefusal
from ..containers.registry_auth import registry_of
from ..release.image_user import image_user, unreadable
from ..release.pinning import Declared, images, with_references
from ..release.store import Store
from ..schema.nodes import Problem
from .host import Host

AT_ONCE = 8  # registries are asked side by side
_FIXES: Mapping[Reason, str] = {
    Reason.LOGIN: "log in to it as root on this host: `sudo docker login {registry}`, or, before there is an engine, copy the file"
    " ~/.docker/config.json of a machine that is logged in to /root/.docker/config.json (mode 0600)",
    Reason.UNTRUSTED: "set docker_registries: [{{host: {registry}, ca_certificate: …}}] with the certificate (PEM) of the authority"
    " that signed it",
    Reason.PLAIN: "give it a certificate (docker_registries names its authority), or set"
    " docker_daemon_options: {{insecure-registries: [{registry}]}}",
    Reason.SILENT: "see from this host that its name resolves and that it answers: `curl -v https://{registry}/v2/`",
}
_COPY = (
    "copy the image there with its digest, for example by `skopeo copy --all --preserve-digests`: `docker pull`, `tag` and `push` drop the"
    " other architectures and make another digest"
)
_HAPPENS: Mapping[Reason, str] = {
    Reason.LOGIN: "{registry} does not let this host have it",
    Reason.UNTRUSTED: "the certificate of {registry} is trusted by nobody here",
    Reason.PLAIN: "{registry} speaks HTTP without TLS",
    Reason.SILENT: "{registry} cannot be reached",
}


def available(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Every image that the run needs and the host lacks is in its registry; and no image runs as a user that its secrets are not for.

    Nothing is asked for a declaration that is live already: a registry that is down stops no run without a change.
    """
    given = wanted["stack"]
    if not given["project"].get("services"):
        return
    project = with_references(given["project"], given.get("images") or {})
    declared = Declared(given["name"], "", project, given["environment"] or {}, [], [], pull=given["pull"])
    if _is_live(declared):
        return
    services = {name: reference for name, reference in images(declared).items() if name not in (given.get("built") or ())}
    users = {reference: image_user(host.engine, reference) for reference in services.values()}
    absent = [reference for reference, user in users.items() if user is None]
    readers = given.get("readers") or {}
    answers = _asked(host, absent, _registries(wanted), {services[name] for name in readers if name in services})
    users |= {reference: answer for reference, answer in answers.items() if not isinstance(answer, RegistryRefusal)}
    yield from _refusals({reference: answer for reference, answer in answers.items() if isinstance(answer, RegistryRefusal)}, services)
    for service, declared_user in readers.items():
        yield from unreadable(service, services.get(service, ""), users.get(services.get(service, "")), declared_user)


def _is_live(declared: Declared) -> bool:
    """Nothing is to be fetched: what is declared is what is live (rollout/deployment.py)."""
    live = Store(declared.stack).live()
    return live is not None and live.source == declared.source and declared.pull != "always"


def _registries(wanted: Mapping[str, Mapping[str, Any]]) -> Registries:
    """How the engine will reach registries once roles base and docker have done their part."""
    docker = wanted.get("docker", {})
    authorities: dict[str, list[str]] = {"": [str(entry["certificate"]) for entry in wanted.get("base", {}).get("ca_certificates") or []]}
    for entry in docker.get("registries") or []:
        authorities.setdefault(str(entry["host"]), []).append(str(entry["ca_certificate"]))
    options = docker.get("daemon_options") or {}
    proxies = {scheme: str(url) for scheme in ("http", "https") if (url := (options.get("proxies") or {}).get(f"{scheme}-proxy"))}
    return Registries(authorities, tuple(options.get("insecure-registries") or ()), proxies)


def _asked(host: Host, references: list[str], registries: Registries, read: Collection[str]) -> dict[str, str | RegistryRefusal | None]:
    """The user of each image that reads secrets, or why there is no image; what only the engine can reach is taken from it."""

    def ask(reference: str) -> str | RegistryRefusal | None:
        try:
            if reference in read:
                return registries.user(reference)
            registries.require(reference)
            return None
        except RegistryRefusal as refusal:
            known_otherwise = refusal.reason is Reason.UNKNOWN or (host.engine and host.engine.remote_digest(reference))
            return None if known_otherwise else refusal

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(references, pool.map(ask, references), strict=True))


def _refusals(refused: Mapping[str, RegistryRefusal], services: Mapping[str, str]) -> Iterator[Problem]:
    """A finding for each wrong tag, and one for each registry that gives none of its images for the same reason."""
    causes: dict[tuple[str, Reason], list[str]] = {}
    for reference, refusal in refused.items():
        causes.setdefault((reference if refusal.reason is Reason.MISSING else registry_of(reference), refusal.reason), []).append(reference)
    for (_where, reason), references in causes.items():
        registry, why = registry_of(references[0]), refused[references[0]]
        users = [name for name, image in services.items() if image in references]
        using = f"{' and '.join(references)} (of {', '.join(users)}) {'is' if len(references) == 1 else 'are'} not on this host"
        if reason is Reason.MISSING:
            pinned = "@" in references[0]
            what = f"{using}, and {registry} has no such {'digest' if pinned else 'tag'} ({why})"
            yield Problem(f"services.{users[0]}.image", "", what, _COPY if pinned else "push it, or write a tag that is there")
        else:
            what = f"{using}, and {_HAPPENS[reason].format(registry=registry)} ({why})"
            yield Problem("docker_registries", "", what, _FIXES[reason].format(registry=registry))
