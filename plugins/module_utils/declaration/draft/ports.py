# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes guessed from published ports: nginx serves what speaks HTTP, and nothing else is published."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ...compose.model import parse
from ...compose.syntax import Port
from .model import Draft, Question, services

# Ports of protocols that are not HTTP, by the register of IANA and by custom.
_OTHER = {
    *(
        21,
        22,
        23,
        25,
        53,
        110,
        111,
        123,
        139,
        143,
        161,
        162,
        179,
        194,
        389,
        445,
        465,
        514,
        515,
        548,
        554,
        587,
        636,
        853,
        873,
        989,
        990,
        993,
    ),
    *(995, 1080, 1194, 1433, 1521, 1812, 1813, 1883, 2049, 2181, 2222, 2375, 2376, 3306, 3389, 3478, 4222, 4369, 5060, 5061, 5222, 5269),
    *(5349, 5432, 5433, 5671, 5672, 5900, 6379, 6380, 6660, 6667, 6697, 6881, 7687, 8883, 9042, 9092, 9093, 9094, 10050, 10051, 11210),
    *(11211, 22000, 25565, 26379, 27017, 27018, 27019, 28017, 33060, 51820, 61613, 61616),
}
_STORES = re.compile(
    r"(?:^|[/_-])(?:postgres|postgresql|postgis|timescaledb|pgvector|mysql|mariadb|percona|redis|valkey|keydb|dragonfly|memcached|mongo|mongodb"
    r"|cassandra|scylla|kafka|zookeeper|rabbitmq|nats|clickhouse(?:-server)?|elasticsearch|opensearch|etcd|mssql/server)$"
)
_FIRST = (80, 8080, 3000, 8000, 5000, 8888, 9000)
_TLS = (443, 8443)
_ENTRANCE = re.compile(r"web|app|front|nginx|proxy|gateway|ui|server|caddy|traefik", re.IGNORECASE)
_MOST = 3  # routes of one service


def repository(image: str) -> str:
    """An image without tag and digest."""
    return re.sub(r"(?::[^/]*)?(?:@.*)?$", "", image)


def draft_routes(draft: Draft, environment: Mapping[str, str], domain: str) -> None:
    """Take C(ports:) away: what speaks HTTP gets a route, the rest a question, that of a database a note."""
    wanted: list[tuple[str, int]] = []
    parsed = parse(draft.compose, environment, []).services  # what is no port is removed with the others
    for name, service in services(draft.compose).items():
        service.pop("ports", None)
        ports = parsed[name].ports if name in parsed else ()
        if not ports:
            continue
        if service.get("profiles") or service.get("network_mode"):
            draft.notes.append(f"{name}: ports: removed, since no route can lead there ({_listed(ports)})")
            continue
        # Databases, caches and brokers: the other services reach them by their network.
        image = parsed[name].image
        store = image is not None and bool(_STORES.search(image.repository))
        web = [] if store else _web_ports(ports)
        wanted += [(name, number) for number in web]
        if isinstance(service.get("expose"), list) and web:
            service["expose"] = [*service["expose"], *(str(number) for number in web)]
        rest = [port for port in ports if port.target not in (*web, *_TLS)]
        if rest and (store or all(port.host_ip.startswith("127.") for port in rest)):
            draft.notes.append(f"{name}: ports: removed ({_listed(rest)}): the other services reach it by its network")
        elif rest:
            reason = f"{_listed(rest)} is no longer published: it does not look like HTTP, which nginx would serve"
            draft.questions.append(Question("port", f"compose.services.{name}.ports", reason))
    wanted.sort(key=lambda port: (port[1] != 80, not _ENTRANCE.search(port[0])))
    draft.stack["routes"] = [
        {"domain": host, "service": name, "port": number} for host, (name, number) in zip(_domains(wanted, domain), wanted, strict=True)
    ]


def _domains(wanted: list[tuple[str, int]], domain: str) -> list[str]:
    """A domain for each; the first has the one that was given."""
    domains: list[str] = []
    for name, number in wanted:
        label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "service"
        choices = [domain, f"{label}.{domain}", f"{label}-{number}.{domain}", f"{label}-{number}-{len(domains)}.{domain}"]
        domains.append(next(choice for choice in choices if choice not in domains))
    return domains


def _web_ports(ports: Sequence[Port]) -> list[int]:
    numbers = list(dict.fromkeys(port.target for port in ports if port.protocol == "tcp" and port.target not in _OTHER))
    numbers = [number for number in numbers if number not in _TLS] or numbers
    numbers.sort(key=lambda number: _FIRST.index(number) if number in _FIRST else len(_FIRST))
    return numbers[:_MOST]


def _listed(ports: Sequence[Port]) -> str:
    texts = list(dict.fromkeys(str(port) for port in ports))
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")
