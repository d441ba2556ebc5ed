# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be in ``log_shipping_sinks``, each with its key, its value, and what to write instead."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..records import CLASSES
from ..sizes import size_from
from .declared import BULK, FILES, KINDS, LABELS, LOKI, VICTORIALOGS, Sink

LEAST_QUEUE, MOST_DAYS = 16 << 20, 60
BATCH = (64 << 10, 16 << 20)
LONGEST = (4 << 10, 2 << 20)
MOST_STATIC = 5
_KEYS = tuple(field.name for field in fields(Sink))
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_PATH = re.compile(r"/[A-Za-z0-9._/@:+-]*")  # what units of systemd take without quoting
_URL_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")
_STATIC_NAME, _STATIC_VALUE = re.compile(r"[a-z_][a-z0-9_]{0,31}"), re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,62}")
_INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
_TENANT = {LOKI: re.compile(r"[A-Za-z0-9!_.*'()-]{1,150}"), VICTORIALOGS: re.compile(r"\d{1,10}(?::\d{1,10})?")}
# Beginnings that Elasticsearch has templates of its own for, which make a data stream of each index.
_STREAMS = re.compile(r"(?:logs|metrics|traces|synthetics|profiling)-.*-?")
_ENDPOINTS = ("/loki/api/v1/push", "/api/v1/push", "/_bulk", "/insert/jsonline", "/insert", "/insert/elasticsearch/_bulk")
_INLINE = {"password": "password_file", "token": "token_file", "api_key": "api_key_file"}
_TAKEN = {*LABELS, "source", "number", "text", "at", "message"}


def problems(sinks: object, *, masked: bool = True) -> list[str]:
    """All problems.

    :param sinks: the variable.
    :param masked: whether secrets are hidden in what the sinks would get.
    """
    if not isinstance(sinks, (list, tuple)):
        return [_say("", sinks, "is no list: write one of sinks, such as [{name: loki, kind: loki, url: 'https://loki.example.com:3100'}]")]
    found: list[str] = []
    if sinks and not masked:
        found.append("log_shipping_mask: False sends secrets to sinks, where nobody can hide them any more: write true, or no sinks")
    names: dict[str, int] = {}
    places: dict[tuple[str, ...], str] = {}
    for number, sink in enumerate(sinks):
        if not isinstance(sink, Mapping):
            found.append(_say(f"[{number}]", sink, "is no sink: write {name: …, kind: …, url: …}"))
            continue
        name = str(sink.get("name") or "")
        where = f".{name}" if _NAME.fullmatch(name) else f"[{number}]"
        if name in names:
            found.append(
                _say(f"{where}.name", name, f"is the name of sink {names[name] + 1} of the list as well: each has its own queue by it")
            )
        names.setdefault(name, number)
        found += _sink(where, sink)
        place = tuple(str(sink.get(key) or "") for key in ("kind", "url", "index", "tenant"))
        if place in places and name != places[place]:
            found.append(
                _say(f"{where}.url", sink.get("url"), f"is where sink {places[place]} sends already: every record would be there twice")
            )
        places.setdefault(place, name)
    return found


def _say(where: str, value: object, what: str) -> str:
    return f"log_shipping_sinks{where}: {value!r} {what}"


def _sink(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    yield from _keys(where, sink)
    name, kind = str(sink.get("name") or ""), sink.get("kind")
    if not _NAME.fullmatch(name):
        yield _say(f"{where}.name", sink.get("name"), "is no name: write up to 32 of a-z 0-9 -, beginning with a letter")
    if kind not in KINDS:
        yield _say(f"{where}.kind", kind, f"is no kind of sink: write one of {', '.join(KINDS)}")
    yield from _url(where, sink)
    yield from _sizes(where, sink)
    yield from _labels(where, sink)
    yield from _target(where, sink)
    yield from _credentials(where, sink)
    for key in ("own", "plain", "data_stream"):
        if not isinstance(sink.get(key, False), bool):
            yield _say(f"{where}.{key}", sink[key], "is neither true nor false: write one of them")


def _keys(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    for key in sink:
        if key in _INLINE:
            # Its value is not shown.
            yield f"log_shipping_sinks{where}.{key}: a secret stands in no variable: write {_INLINE[key]}, the path of a file on the host"
        elif key not in _KEYS:
            yield _say(f"{where}.{key}", sink[key], f"is unknown: write some of {', '.join(_KEYS)}")


def _url(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    given = sink.get("url")
    if not given or not isinstance(given, str):
        yield _say(f"{where}.url", given, "is no address: write one such as https://logs.example.com:3100")
        return
    try:
        url = urlsplit(given)
        port = url.port
    except ValueError:
        url, port = SplitResult("", "", "", "", ""), 0
    if "@" in url.netloc:
        shown = f"{url.scheme}://…@{url.netloc.rpartition('@')[2]}"
        yield _say(f"{where}.url", shown, "has credentials in it, and stands in a file that everybody reads: write user and password_file")
        return
    host = url.hostname or ""
    if url.scheme not in ("http", "https") or port == 0 or not (_HOST.fullmatch(host) or _address(host)) or re.search(r"[\s\"'\\]", given):
        yield _say(f"{where}.url", given, "is no address: write http or https, a host and a port, such as https://logs.example.com:3100")
        return
    path = url.path.rstrip("/")
    if url.query or url.fragment or not _URL_PATH.fullmatch(url.path):
        yield _say(f"{where}.url", given, "has more than an address and a path: what the kind needs comes by itself")
    elif path.endswith(_ENDPOINTS):
        begin = path[: -max(len(end) for end in _ENDPOINTS if path.endswith(end))]
        yield _say(f"{where}.url", given, f"has the path of the interface, which comes by itself: write {url.scheme}://{url.netloc}{begin}")
    yield from _plain(where, sink, url.scheme, host)


def _plain(where: str, sink: Mapping[str, Any], scheme: str, host: str) -> Iterator[str]:
    plain = sink.get("plain", False)
    if scheme == "https":
        if plain is True:
            yield _say(f"{where}.plain", plain, "is for http, and url is https: leave it out")
        return
    for key in ("authority", "certificate", "key"):
        if sink.get(key):
            yield _say(f"{where}.{key}", sink[key], "is for https, and url is http: write https, or leave it out")
    address = _address(host)
    if host == "localhost" or (address and address.is_loopback):
        return
    if plain is not True:
        yield _say(
            f"{where}.url",
            sink["url"],
            "sends logs over the network for everybody to read: write https, or plain: true for a network of your own",
        )
    elif any(sink.get(key) for key in ("password_file", "token_file", "api_key_file")):
        yield _say(f"{where}.url", sink["url"], "sends a password over the network for everybody to read: write https")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _sizes(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    sizes: dict[str, int] = {}
    bounds = {"queue": (LEAST_QUEUE, 1 << 50), "batch": BATCH, "longest": LONGEST}
    for key, (least, most) in bounds.items():
        if key not in sink:
            continue
        value = sink[key]
        try:
            sizes[key] = size_from(str(value) if not isinstance(value, bool) else "no")
        except ValueError:
            yield _say(f"{where}.{key}", value, "is no size: write bytes, or a number with K, M, G or T, such as 1G")
            continue
        if not least <= sizes[key] <= most:
            upper = f" and at most {most >> 20}M" if key != "queue" else ""
            lower = f"{least >> 20}M" if least >= 1 << 20 else f"{least >> 10}K"
            yield _say(f"{where}.{key}", value, f"is {'too little' if sizes[key] < least else 'too much'}: write at least {lower}{upper}")
    if sizes.get("longest", Sink.longest) > sizes.get("batch", Sink.batch):
        yield _say(
            f"{where}.longest",
            sink.get("longest", Sink.longest),
            "is more than a batch, and a record goes into one: write less, or more for batch",
        )
    days = sink.get("queue_days", 1)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        yield _say(f"{where}.queue_days", days, f"is no number of days: write 1 to {MOST_DAYS}")


def _labels(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    classes = sink.get("classes", CLASSES)
    if not isinstance(classes, (list, tuple)) or not classes or any(kind not in CLASSES for kind in classes):
        yield _say(f"{where}.classes", classes, f"are no classes of logs: write some of {', '.join(CLASSES)}")
    labels = sink.get("labels", LABELS)
    if "labels" in sink and sink.get("kind") in BULK:
        yield _say(f"{where}.labels", labels, f"are for {LOKI} and {VICTORIALOGS}: documents have all fields")
    elif not isinstance(labels, (list, tuple)) or "host" not in labels or len(set(map(str, labels))) != len(labels):
        yield _say(f"{where}.labels", labels, f"is no list of labels with host among them, each once: write some of {', '.join(LABELS)}")
    else:
        for label in labels:
            if label not in LABELS:
                what = "has a value for each request or record, and each value would make a stream: it stands in the record"
                yield _say(f"{where}.labels", label, f"{what}; write some of {', '.join(LABELS)}, or static")
    static = sink.get("static", {})
    if not isinstance(static, Mapping) or len(static) > MOST_STATIC:
        yield _say(f"{where}.static", static, f"is no mapping of up to {MOST_STATIC} labels: write such as {{environment: production}}")
        return
    for label, value in static.items():
        if not _STATIC_NAME.fullmatch(str(label)) or str(label).startswith("__"):
            yield _say(f"{where}.static", label, "is no name of a label: write up to 32 of a-z 0-9 _")
        elif label in _TAKEN:
            yield _say(f"{where}.static", label, "is a field of each record already: write another name")
        elif not _STATIC_VALUE.fullmatch(str(value)) or isinstance(value, (bool, list, Mapping)):
            yield _say(f"{where}.static.{label}", value, "is no value of a label: write up to 63 of A-Z a-z 0-9 . _ : / -")


def _target(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    kind, index, tenant = sink.get("kind"), sink.get("index"), sink.get("tenant")
    for key in ("index", "data_stream"):
        if sink.get(key) and kind in KINDS and kind not in BULK:
            yield _say(f"{where}.{key}", sink[key], f"is for {' and '.join(BULK)}: leave it out")
    if index and kind in BULK:
        if not isinstance(index, str) or not _INDEX.fullmatch(index):
            yield _say(
                f"{where}.index", index, "is no name of an index: write up to 200 of a-z 0-9 . _ -, beginning with a letter or a number"
            )
        elif sink.get("data_stream") is not True and _STREAMS.fullmatch(index):
            what = "is what Elasticsearch's own templates make data streams of, one a day"
            yield _say(f"{where}.index", index, f"{what}: write another name, or data_stream: true")
    if tenant:
        pattern = _TENANT.get(str(kind))
        if pattern is None:
            yield _say(f"{where}.tenant", tenant, f"is for {LOKI} and {VICTORIALOGS}: leave it out")
        elif not pattern.fullmatch(str(tenant)):
            yield _say(
                f"{where}.tenant",
                tenant,
                "is no tenant: write a name (Loki), or ACCOUNT or ACCOUNT:PROJECT in numbers and quotes (VictoriaLogs)",
            )


def _credentials(where: str, sink: Mapping[str, Any]) -> Iterator[str]:
    for key in FILES:
        path = sink.get(key)
        if path and (not isinstance(path, str) or not _PATH.fullmatch(path) or ".." in path):
            yield _say(f"{where}.{key}", path, "is no path: write the absolute path of a file on the host")
    ways = [key for key in ("password_file", "token_file", "api_key_file") if sink.get(key)]
    if len(ways) > 1:
        yield _say(f"{where}.{ways[1]}", sink[ways[1]], f"stands beside {ways[0]}, and a request has one of them: leave one out")
    user = str(sink.get("user") or "")
    if bool(user) != bool(sink.get("password_file")):
        yield _say(f"{where}.user", sink.get("user"), "and password_file belong together: write both, or none of them")
    elif user and (":" in user or not user.isprintable()):
        yield _say(f"{where}.user", user, "is no user of HTTP: write one without a colon")
    if sink.get("api_key_file") and sink.get("kind") in KINDS and sink.get("kind") not in BULK:
        yield _say(f"{where}.api_key_file", sink["api_key_file"], f"is for {' and '.join(BULK)}: write token_file")
    if bool(sink.get("certificate")) != bool(sink.get("key")):
        yield _say(f"{where}.certificate", sink.get("certificate"), "and key belong together: write both, or none of them")
