# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vulnerabilities of a host and of the images of its stacks: by a scanner that is installed, else by package lists and Debian's data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..containers.api import EngineApi, EngineError, NotFound
from ..release.stacks import stacks
from ..release.store import Store
from . import debsecan, image_packages, package_lists
from .debsecan import Advisories, AdvisoriesUnavailable
from .finding import Finding, Subject, ordered
from .package_lists import Distribution, Package
from .scanners import ScanError, Scanner

DEBIAN = "Debian's data"


class Known:
    """Debian's data of the suites that are asked for, each fetched once.

    :param url: where it lies (`debsecan.fetch`).
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._suites: dict[Distribution, Advisories | str] = {}

    def of(self, distribution: Distribution) -> Advisories:
        """:raises AdvisoriesUnavailable: there is none, or nobody answers; he is not asked again."""
        if distribution not in self._suites:
            try:
                self._suites[distribution] = debsecan.fetch(distribution, self.url)
            except AdvisoriesUnavailable as error:
                self._suites[distribution] = str(error)
        found = self._suites[distribution]
        if isinstance(found, str):
            raise AdvisoriesUnavailable(found)
        return found


def images() -> dict[str, list[str]]:
    """The images of the live releases, each with the services that use it."""
    used: dict[str, list[str]] = {}
    for stack in stacks():
        live = Store(str(stack["name"])).live()
        for service, reference in sorted(live.images.items()) if live else ():
            used.setdefault(reference, []).append(f"{stack['name']}/{service}")
    return used


def survey(name: str, scanner: Scanner | None, known: Known, api: EngineApi | None, used: dict[str, list[str]]) -> Iterator[Subject]:
    """The host, then each image.

    :param name: how the host is called.
    :param api: None where the engine does not answer.
    """
    yield _host(name, scanner, known)
    for reference, services in sorted(used.items()):
        yield _image(reference, tuple(services), scanner, known, api)


def _host(name: str, scanner: Scanner | None, known: Known) -> Subject:
    distribution = package_lists.distribution_of_host()
    if scanner:
        return _scanned("host", name, "", (), scanner, str(distribution))
    return _judged("host", name, distribution, (), package_lists.of_host(), known)


def _image(reference: str, services: tuple[str, ...], scanner: Scanner | None, known: Known, api: EngineApi | None) -> Subject:
    if scanner:
        return _scanned("image", reference, reference, services, scanner, "")
    if api is None:
        return Subject("image", reference, used_by=services, unknown="the Docker engine does not answer")
    try:
        read = image_packages.read(api, reference)
    except NotFound:
        return Subject("image", reference, used_by=services, unknown="the image is not on this host")
    except EngineError as error:
        return Subject("image", reference, used_by=services, unknown=str(error))
    if not read.packages:
        return Subject("image", reference, str(read.distribution), services, packages=0, unknown="it has no list of packages")
    return _judged("image", reference, read.distribution, services, read.packages, known)


def _scanned(kind: str, name: str, image: str, services: tuple[str, ...], scanner: Scanner, system: str) -> Subject:
    try:
        return Subject(kind, name, system, services, scanner.name, None, scanner.scan(image))
    except ScanError as error:
        return Subject(kind, name, system, services, unknown=str(error))


def _judged(
    kind: str, name: str, distribution: Distribution, services: tuple[str, ...], packages: Sequence[Package], known: Known
) -> Subject:
    system = str(distribution)
    try:
        advisories = known.of(distribution)
    except AdvisoriesUnavailable as error:
        return Subject(kind, name, system, services, packages=len(packages), unknown=str(error))
    return Subject(kind, name, system, services, DEBIAN, len(packages), ordered(findings(packages, advisories)))


def findings(packages: Iterable[Package], advisories: Advisories) -> Iterator[Finding]:
    """Those of some packages, by their source packages: binary packages of one source have the same."""
    for package in packages:
        for one in advisories.of(package):
            fixed = "yes" if one.fix_available else ""
            yield Finding(one.name, package.source or package.name, package.source_version, one.urgency or "unknown", fixed)
