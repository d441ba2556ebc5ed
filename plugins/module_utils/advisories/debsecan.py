# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own data about vulnerabilities of a suite, as debsecan reads it: which source packages, up to which versions.

The format is that of debsecan(1): zlib, a first line ``VERSION 1``, then three blocks with an empty line after each: names with their
descriptions, an entry for each package and vulnerability, and the binary packages of each source package. Versions other than that of
unstable are the ones with a backported fix, each exactly: a higher one of another branch is not fixed by it.
"""

from __future__ import annotations

import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException

from .package_lists import DEB, Distribution, Package
from .versions import older

URL = "https://security-tracker.debian.org/tracker/debsecan/release/1/"
TIMEOUT = 30.0  # seconds
LARGEST = 256 << 20  # bytes of the data once it is unpacked; that of a suite has about 8 MB
URGENCIES = {"L": "low", "M": "medium", "H": "high"}
SCHEMES = ("https://", "http://", "file:///")


class AdvisoriesUnavailable(Exception):
    """Nobody can say what is known of these packages; the message says why."""


@dataclass(frozen=True)
class Vulnerability:
    """What is known of one vulnerability in one package.

    :param binary: `package` is a binary package rather than a source package.
    :param fixed: the version of unstable that has the fix; empty for none.
    :param backports: versions of other suites that have it.
    :param fix_available: the suite has a fix.
    """

    name: str
    package: str
    description: str
    binary: bool
    urgency: str
    fixed: str
    backports: tuple[str, ...]
    fix_available: bool

    def concerns(self, package: Package) -> bool:
        """Whether an installed package has it, as debsecan decides."""
        if self.binary:
            return package.name == self.package and (not self.fixed or older(package.version, self.fixed))
        if package.source != self.package or package.source_version in self.backports:
            return False
        return not self.fixed or older(package.source_version, self.fixed)


@dataclass(frozen=True)
class Advisories:
    """All of a suite, by package."""

    suite: str
    by_package: Mapping[str, tuple[Vulnerability, ...]] = field(default_factory=dict, repr=False)

    def of(self, package: Package) -> list[Vulnerability]:
        """Those that an installed package has, by name."""
        if package.kind != DEB:
            return []
        names = dict.fromkeys([package.source, package.name])
        known = {one.name: one for name in names for one in self.by_package.get(name, ()) if one.concerns(package)}
        return [known[name] for name in sorted(known)]

    def closed(self, before: Iterable[Package], after: Iterable[Package]) -> dict[str, list[str]]:
        """What an update has fixed: names of vulnerabilities by binary package, of those that have changed."""
        now: dict[tuple[str, str], list[Package]] = {}
        for package in after:
            now.setdefault((package.name, package.architecture), []).append(package)
        fixed: dict[str, list[str]] = {}
        for package in before:
            others = now.get((package.name, package.architecture), [])
            if not others or package in others:
                continue
            left = {one.name for other in others for one in self.of(other)}
            if gone := [one.name for one in self.of(package) if one.name not in left]:
                fixed[package.name] = gone
        return fixed


def fetch(distribution: Distribution, url: str = URL, timeout: float = TIMEOUT) -> Advisories:
    """The data of a distribution's suite.

    :param url: where the files of suites lie, by https, http or ``file:///``; a suite's name is put behind it.
    :raises AdvisoriesUnavailable: nobody answers, or there is none for this distribution.
    """
    if distribution.id != "debian" or not distribution.suite:
        raise AdvisoriesUnavailable(f"the data is Debian's own, and this is {distribution}")
    if not url.startswith(SCHEMES):
        raise AdvisoriesUnavailable(f"{url!r} is no address: write one that begins with {', '.join(SCHEMES)}")
    address = f"{url.rstrip('/')}/{distribution.suite}"
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "latentum.ops"})  # noqa: S310 - the schemes are checked above
        with urllib.request.build_opener().open(request, timeout=timeout) as answer:
            packed = answer.read(LARGEST)
    except urllib.error.HTTPError as error:
        what = "knows no such suite" if error.code == 404 else f"answered {error.code}"
        raise AdvisoriesUnavailable(f"{address}: {what}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise AdvisoriesUnavailable(f"{address}: {getattr(error, 'reason', error)}") from error
    return parse(packed, distribution.suite)


def parse(packed: bytes, suite: str) -> Advisories:
    """Read the data.

    :raises AdvisoriesUnavailable: it is of another form.
    """
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(packed, LARGEST).decode()
        if not unpacker.eof:
            raise ValueError("its end is missing")
        head, _newline, rest = text.partition("\n")
        if head != "VERSION 1":
            raise ValueError(f"it begins with {head[:40]!r}")
        names, entries = rest.split("\n\n")[:2]
        known = [(name, description) for name, _flags, description in (line.split(",", 2) for line in names.splitlines())]
        by_package: dict[str, list[Vulnerability]] = {}
        for line in entries.splitlines():
            package, number, flags, fixed, backports = line.split(",", 4)
            name, description = known[int(number)]
            one = Vulnerability(
                name,
                package,
                description,
                flags[0] == "B",
                URGENCIES.get(flags[1], ""),
                fixed,
                tuple(backports.split()),
                flags[3] == "F",
            )
            by_package.setdefault(package, []).append(one)
    except (zlib.error, ValueError, IndexError) as error:
        raise AdvisoriesUnavailable(f"what came for {suite} is not debsecan's data of version 1: {error}") from error
    return Advisories(suite, {package: tuple(found) for package, found in by_package.items()})
