# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be in the variables of role log_shipping, each with its key, its value, and what to write instead."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .records import CLASSES, safe
from .sinks.problems import problems as problems_of_sinks
from .sizes import size_from

LEAST_YEAR = 365  # days that access and audit logs are kept at least where a year is asked for
_NAME = re.compile(r"(?!-)[A-Za-z0-9_*-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_PATH = re.compile(r"/[A-Za-z0-9._/@:+-]*")  # what units of systemd and rsyslog take without quoting
_PREFIX = "log_shipping_"


def problems(given: Mapping[str, Any]) -> list[str]:
    """All problems.

    :param given: the variables without their prefix.
    """
    return [
        *_host(given),
        *_paths(given),
        *_keep(given),
        *_queue(given),
        *_sending(given),
        *_receiving(given),
        *_certificates(given),
        *_sinks(given),
    ]


def _problem(name: str, value: object, what: str) -> str:
    return f"{_PREFIX}{name}: {value!r} {what}"


def _host(given: Mapping[str, Any]) -> Iterator[str]:
    host = str(given["host"])
    if safe(host) != host or host.startswith((".", "-")):
        yield _problem("host", host, "is a folder of the tree and a word of syslog's header: write up to 48 of A-Z a-z 0-9 . _ -")


def _paths(given: Mapping[str, Any]) -> Iterator[str]:
    for name in ("tree", "containers_folder"):
        path = str(given[name])
        if not _PATH.fullmatch(path) or ".." in path or path.rstrip("/").count("/") < 2:
            yield _problem(name, path, "is no folder of its own: write an absolute path such as /var/log/latentum-ops/tree")
    seen: dict[str, str] = {}
    for name in ("access", "errors", "audit"):
        for path in map(str, given[name] or ()):
            if not path.startswith("/") or any(character in path for character in "*?["):
                yield _problem(name, path, "is no path of one file: write the absolute path of a file, by which rotated files are found")
            elif path in seen:
                yield _problem(name, path, f"stands in {_PREFIX}{seen[path]} already: every line would be there twice")
            elif path.startswith(f"{given['tree']}/"):
                yield _problem(name, path, "lies in the tree: it would feed itself")
            seen[path] = name


def _keep(given: Mapping[str, Any]) -> Iterator[str]:
    keep = given["keep"]
    if not isinstance(keep, Mapping):
        yield _problem("keep", keep, "is no mapping: write {application: {days: 90, size: 20G}, …}")
        return
    for kind in keep:
        if kind not in CLASSES:
            yield _problem("keep", kind, f"is no class of logs: write some of {', '.join(CLASSES)}")
    for kind in CLASSES:
        kept = keep.get(kind)
        if not isinstance(kept, Mapping):
            yield _problem(f"keep.{kind}", kept, "is missing, and its logs would be kept for ever: write {days: 90, size: 20G}")
            continue
        for key in set(kept) - {"days", "size"}:
            yield _problem(f"keep.{kind}.{key}", kept[key], "is unknown: write days and size")
        days = kept.get("days")
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 36500:
            yield _problem(f"keep.{kind}.days", days, "is no number of days: write 1 to 36500")
        yield from _size(f"keep.{kind}.size", kept.get("size", 0), 0)


def _size(name: str, value: object, least: int) -> Iterator[str]:
    try:
        size = size_from(value if isinstance(value, int) and not isinstance(value, bool) else str(value))
    except ValueError:
        yield _problem(name, value, "is no size: write bytes, or a number with K, M, G or T, such as 20G")
        return
    if size < least:
        yield _problem(name, value, f"is too little: write at least {least >> 20}M")


def _queue(given: Mapping[str, Any]) -> Iterator[str]:
    yield from _size("queue", given["queue"], 16 << 20)


def _address(name: str, value: str, *, names: bool) -> Iterator[str]:
    host, _colon, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        yield _problem(name, value, "names no port: write ADDRESS:PORT, such as logs.example.com:6514")
        return
    try:
        numeric = ipaddress.ip_address(bare)
    except ValueError:
        if not names:
            yield _problem(name, value, "is no address of this host: write one with its port, such as 10.0.0.5:6514")
        elif not _NAME.fullmatch(host):
            yield _problem(name, value, "is neither a name nor an address: write ADDRESS:PORT, such as logs.example.com:6514")
        return
    if numeric.version == 6 and bare == host:
        yield _problem(name, value, f"is ambiguous: write [{host}]:{port}")


def _sending(given: Mapping[str, Any]) -> Iterator[str]:
    if given["to"]:
        yield from _address("to", str(given["to"]), names=True)
        if given["to"] == given["listen"]:
            yield _problem("to", given["to"], f"is where this host listens itself ({_PREFIX}listen): leave it out")
    elif given["to_name"]:
        yield _problem("to_name", given["to_name"], f"is the name of a log host, and there is none: write {_PREFIX}to as well")


def _receiving(given: Mapping[str, Any]) -> Iterator[str]:
    if given["listen"]:
        yield from _address("listen", str(given["listen"]), names=False)
        if not given["senders"]:
            yield _problem("senders", given["senders"], "lets nobody in: write the names in the certificates of the hosts that send")
    elif given["senders"]:
        yield _problem("senders", given["senders"], f"can send to nowhere: write {_PREFIX}listen as well, such as 10.0.0.5:6514")
    for sender in map(str, given["senders"] or ()):
        if not _NAME.fullmatch(sender) or sender.strip("*.") == "":
            yield _problem("senders", sender, "is no name of a certificate, or lets everybody in: write one such as web1.example.com")


def _sinks(given: Mapping[str, Any]) -> list[str]:
    return problems_of_sinks(given["sinks"], masked=bool(given["mask"]))


def _certificates(given: Mapping[str, Any]) -> Iterator[str]:
    if not (given["to"] or given["listen"]):
        return
    paths: dict[str, str] = {}
    for name in ("authority", "certificate", "key"):
        path = str(given[name])
        if not _PATH.fullmatch(path):
            yield _problem(name, path, "is no path: write the absolute path of a PEM file on the host")
        if path in paths:
            yield _problem(name, path, f"is {_PREFIX}{paths[path]} as well: write three files")
        paths[path] = name
