# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of nginx's access log, and an independent count of them: plain Python over JSON, with nothing of what mtail reads."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAPS = (Path(__file__).resolve().parents[4] / "roles/nginx/templates/etc/nginx/parts/maps.j2").read_text()
NUMBERS = ("status", "bytes", "received", "connection", "connection_requests")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MIDDLE = 0.0005  # of the millisecond that nginx writes as 0.000
PROBE = "latentum-ops-watchdog"
REQUEST: dict[str, Any] = {
    "time": "2026-11-29T16:00:00+00:00",
    "id": "0123456789abcdef0123456789abcdef",
    "client": "192.0.2.7",
    "host": "shop.example.com",
    "method": "GET",
    "path": "/api/items",
    "protocol": "HTTP/2.0",
    "status": 200,
    "bytes": 1234,
    "received": 300,
    "duration": "0.012",
    "upstream": "shop_web_8080",
    "upstream_address": "172.18.0.5:8080",
    "upstream_status": "200",
    "upstream_connect": "0.000",
    "upstream_duration": "0.011",
    "scheme": "https",
    "tls": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "referrer": "https://shop.example.com/list",
    "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "connection": 17,
    "connection_requests": 3,
    "user": "",
    "refused": "",
    "stack": "shop",
    "service": "web",
    "route": "shop.example.com/api",
}
NOBODY = {"stack": "", "service": "", "route": ""}
NOWHERE = {name: "" for name in ("upstream", "upstream_address", "upstream_status", "upstream_connect", "upstream_duration")}
BROKEN = {
    **NOBODY,
    **NOWHERE,
    "host": "",
    "method": "",
    "path": "",
    "protocol": "",
    "status": 400,
    "duration": "0.000",
    "agent": "",
    "referrer": "",
}


def order() -> list[str]:
    """The fields of the log, as role nginx declares them."""
    return re.findall(r'"(\w+)":', MAPS[MAPS.index("log_format ") :].partition("';\n")[0])


def escaped(value: str) -> str:
    """As nginx escapes it (escape=json): what JSON asks for, and every other byte as it came."""
    quoted = json.dumps(value, ensure_ascii=False)[1:-1]
    return quoted.replace("\x7f", "\\u007F")


def line(**changed: Any) -> bytes:
    """A line with these values over those of a plain request; a peer only where it is given."""
    record = {**REQUEST, **changed}
    fields = []
    for name in order():
        if name == "peer" and name not in changed:
            continue
        value = record[name]
        bare = name in NUMBERS or name == "duration"
        fields.append(f'"{name}":{value}' if bare else f'"{name}":"{escaped(value)}"')
    return ("{" + ",".join(fields) + "}").encode("utf-8", "surrogateescape")


FORGED = '","status":500,"bytes":1,"received":1,"duration":9.000,"stack":"evil","service":"evil","route":"evil"}'
NO_UTF8 = line(path="/\udcff\udcfe/latin-1", agent="\udce9")  # as a client may send it
SPECIAL: list[bytes] = [
    line(),
    line(agent='say "hello" \\'),
    line(agent="\\", referrer="\\\\"),
    line(path=FORGED, agent=FORGED, referrer=FORGED, user=FORGED, host="a" + FORGED),
    line(path="/straße/東京/\N{PILE OF POO}", agent="Ünï"),
    NO_UTF8,
    line(path="/null\x00/tab\t/newline\n/bell\x07"),
    line(path="/" + "a" * 100_000),
    line(agent='"' * 20_000),
    line(**BROKEN),
    line(**BROKEN | {"status": 408}),
    line(**NOBODY, **NOWHERE, status=444, host="nobody.example.net"),
    line(**NOWHERE, status=403, refused="refused: unknown"),
    line(**NOWHERE, status=429),
    line(status=499, upstream_status="-", upstream_duration="-", upstream_connect="-"),
    line(status=499, upstream_status="", upstream_duration="0.250", upstream_connect="-"),
    line(upstream_address="172.18.0.5:8080, 172.18.0.6:8080", upstream_status="502, 200", upstream_duration="0.001, 0.020"),
    line(upstream_address="172.18.0.5:8080, 172.18.0.6:8080", upstream_status="504, -", upstream_duration="5.000, -", status=504),
    line(upstream_address="a:1 : b:2", upstream_status="401 : 200", upstream_duration="0.002 : 0.300"),
    line(upstream_address="a:1, b:2 : c:3", upstream_status="502, 401 : 200", upstream_duration="0.001, 0.002 : 7.000"),
    line(protocol="HTTP/3.0", tls="TLSv1.3"),
    line(protocol="HTTP/1.0", host="192.0.2.1"),
    line(status=101, duration="3600.000", upstream_duration="3600.000"),
    line(status=0, duration="0.000", upstream_duration="0.000"),
    line(method="PROPFIND", status=405),
    line(method="get", status=405),
    line(method="GETGET", status=405),
    line(method="M-SEARCH", status=405),
    *(line(method=method, status=204) for method in METHODS),
    # On a bound, and beyond the last one.
    *(line(duration=seconds, upstream_duration=seconds) for seconds in ("0.005", "0.006", "10.000", "10.001", "59.999")),
    line(client="127.0.0.1", agent=PROBE),
    line(client="127.8.0.3", agent=PROBE),
    line(client="::1", agent=PROBE, status=503),
    line(client="10.0.0.5", peer="10.0.0.5", agent=PROBE),
    line(client="203.0.113.9", peer="10.0.0.5", agent=PROBE),
    line(client="203.0.113.9", agent=PROBE),
    line(client="127.0.0.1", agent=PROBE + "/2"),
    line(client="10.0.0.5", peer="10.0.0.5"),
    line(client="unix:"),
    # Not to be read: of an earlier log, cut off, of another program, and nothing at all.
    line().replace(b',"stack":"shop","service":"web","route":"shop.example.com/api"', b""),
    line()[:200],
    line()[200:],
    line() + line(),
    b"\x16\x03\x01\x02\x00",
    b'192.0.2.1 - - [29/Nov/2026:16:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8"',
    b"{}",
    b"",
]


def mixed(count: int, seed: int, special: Sequence[bytes] = SPECIAL) -> Iterator[bytes]:
    """Requests of many kinds in no order, the special ones among them."""
    chance = random.Random(seed)  # noqa: S311
    for _number in range(count):
        if chance.random() < 0.1:
            yield chance.choice(special)
            continue
        service = chance.choice(("web", "api", "files"))
        seconds = f"{min(chance.expovariate(5), 99):.3f}"
        yield line(
            method=chance.choice(METHODS),
            path=f"/{service}/{chance.randrange(10**6)}",
            status=chance.choice((200, 200, 200, 204, 301, 304, 404, 422, 500, 502, 503)),
            duration=seconds,
            upstream_duration=seconds if chance.random() < 0.9 else "",
            service=service,
            route=f"shop.example.com/{service}",
        )


Labels = tuple[str, str, str]


@dataclass
class Counted:
    """What the lines come to."""

    requests: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    durations: dict[Labels, list[float]] = field(default_factory=lambda: defaultdict(list))
    upstream: dict[Labels, list[float]] = field(default_factory=lambda: defaultdict(list))
    retried: Counter[Labels] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)


def count(lines: Sequence[bytes]) -> Counted:
    """Count by reading JSON."""
    counted = Counted()
    for raw in lines:
        try:
            record = json.loads(raw.decode(errors="replace"))
            labels = (record["stack"], record["route"], record["service"])
        except (ValueError, KeyError):
            counted.lines["unread"] += 1
            continue
        client = record["client"]
        if record["agent"] == PROBE and (client.startswith("127.") or client == "::1" or client == record.get("peer")):
            counted.lines["probe"] += 1
            continue
        counted.lines["request"] += 1
        method = record["method"] if record["method"] in METHODS else "other"
        counted.requests[(*labels, method, f"{record['status']:03}")] += 1
        tries = re.split(r", | : ", record["upstream_duration"])
        counted.retried[labels] += len(tries) > 1
        if record["status"] != 101:
            counted.durations[labels].append(float(record["duration"]) or MIDDLE)
            if tries[-1] not in ("", "-"):
                counted.upstream[labels].append(float(tries[-1]) or MIDDLE)
    return counted
