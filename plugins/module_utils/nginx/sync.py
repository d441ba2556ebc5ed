# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upstreams of nginx, rendered from the containers that run now.

The files in /etc/nginx/upstreams.d belong to this engine alone. Containers change their addresses when they restart, so
nothing else can know them. Fail static: an upstream never loses its last servers because a look found none healthy.
While a rollout is under way, the traffic plan says which of them serve (module traffic).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..containers.client import Container
from ..contracts.upstreams import Stream, Upstream
from ..core import paths
from ..core.atomic_files import read_text
from ..core.process import CommandError, run
from ..core.versioned_json import read_state, write_state
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, ConfigSetError, apply
from . import out_of_rotation, ownership, site_file, traffic_plan
from .declared import upstreams_of
from .features import speaks_ipv6
from .writer import one_writer

CONFIGURATION = paths.UPSTREAMS
RENDERED = Path("/etc/nginx/upstreams.d")
TLS = Path("/etc/latentum-ops/tls")  # as sites name it
DRAINED = Path("/var/lib/latentum-ops/drained.json")
# There while nginx may not have what the files say; in /run, since a started nginx reads them anyway.
PENDING = Path("/run/latentum-ops-upstreams.pending")
NGINX_TEST = ["nginx", "-t", "-q"]
# What `systemctl reload nginx` runs; a watchdog whose unit is of an older version, and which is not root, may not ask systemd.
NGINX_RELOAD = ["systemctl", "reload", "nginx.service"] if os.geteuid() == 0 else ["/usr/lib/latentum-ops/nginx-reload"]
BALANCES = {"least_conn": "least_conn;", "ip_hash": "ip_hash;", "round_robin": ""}  # by the names of the contract, but for sticky
SUFFIXES = (".conf", ".stream")  # of the files of upstreams
STICKY_COOKIE = "latentum_route"  # the template of a site sets it where a client has none
SERVER = re.compile(r"^\s*server ([0-9.]+:\d+)", re.MULTILINE)
GENERATION = re.compile(r"^map .*\$ops_generation_\w+ \{\s*default (\w+);", re.MULTILINE)
# Answers 502 at once: the discard port of loopback is not asked while it is marked down.
NOBODY = "server 127.0.0.1:9 down;"
# A server of nginx itself, on loopback, that answers 503 with Retry-After (role nginx writes it).
MAINTENANCE = "127.8.0.3:8503"


class ContainerSource(Protocol):
    """What is needed of an engine, or of a picture of it."""

    def containers(self, project: str) -> list[Container]:
        """The containers of a project's services."""


def path_of(upstream: Upstream) -> Path:
    """The file that nginx includes, in its block for HTTP or in that for streams."""
    return RENDERED / f"{upstream.name}.{'stream' if upstream.stream else 'conf'}"


def server(upstream: Upstream, container: Container) -> str:
    """``address:port`` of a container of the upstream's service; empty while it has no address."""
    return next(iter(every_server(upstream, container)), "")


def every_server(upstream: Upstream, container: Container) -> list[str]:
    """The same in each of its networks; the first is what nginx is given."""
    port = upstream.ports.get(container.definition, upstream.port)
    return [f"{address}:{port}" for _network, address in container.addresses]


def load() -> list[Upstream]:
    """All upstreams that the stacks of this host declare.

    :raises ValueError: a file cannot be understood; the message names it.
    """
    return upstreams_of(CONFIGURATION)


def servers(
    upstream: Upstream,
    containers: Sequence[Container],
    written: str | None,
    plan: traffic_plan.Traffic | None = None,
    out: Collection[str] = (),
) -> list[str]:
    """The servers that get traffic, sorted: ``address:port``, with ``weight=N`` where a rollout gives one.

    Those of containers that serve, that the rollout's plan names, and that the watchdog has not taken out; when there is
    none, also those taken out; then any that serve; then those already written that still exist; then any that run.

    :param out: ids of containers that fail although Docker calls them healthy.
    """
    if plan and plan.maintenance:
        return [MAINTENANCE]

    def at(chosen: Sequence[Container]) -> list[str]:
        weights = plan.serve if plan else {}
        return sorted(
            named + (f" weight={weights[container.id]}" if weights.get(container.id, 1) > 1 else "")
            for container in chosen
            if (named := server(upstream, container))
        )

    mine = [container for container in containers if container.service == upstream.service and container.state in {"running", "paused"}]
    serving = [container for container in mine if container.serves]
    chosen = [container for container in serving if plan is None or container.id in plan.serve] or serving
    if chosen:
        return at([container for container in chosen if container.id not in out] or chosen)
    present = at(mine)
    kept = [server for server in present if server.split()[0] in SERVER.findall(written or "")]
    return kept or present


def generation(upstream: Upstream, containers: Sequence[Container], addresses: Sequence[str], written: str | None) -> str:
    """What the containers at these addresses are, in a word: the same after a restart, another one for each release and on the way to it.

    What nginx keeps of their answers is kept by it, so that nobody gets an answer of another release. While none is there it stays.
    """
    at = {address.split()[0] for address in addresses}
    definitions = {container.definition for container in containers if server(upstream, container) in at}
    if not definitions:
        known = GENERATION.search(written or "")
        return known[1] if known else "none"
    return hashlib.sha256("\n".join(sorted(definitions)).encode()).hexdigest()[:16]


def _variable(kind: str, upstream: Upstream) -> str:
    """A variable of nginx for an upstream; its name may hold signs that a variable cannot."""
    return f"$ops_{kind}_{hashlib.sha256(upstream.name.encode()).hexdigest()[:10]}"


def balance_lines(upstream: Upstream) -> list[str]:
    """The directive by which requests are spread; none for taking turns."""
    if upstream.stream and upstream.balance == "ip_hash":
        return ["    hash $remote_addr consistent;"]  # the other one is HTTP's
    if upstream.balance == "sticky":
        # Consistent: of the clients only those change their container whose container goes, or who are a new one's share.
        return [f"    hash {_variable('sticky', upstream)} consistent;"]
    return [f"    {BALANCES[upstream.balance]}"] if BALANCES[upstream.balance] else []


def definitions(upstream: Upstream, generation: str) -> str:
    """Variables that an upstream's file defines beside it; none of most."""
    text = ""
    if upstream.balance == "sticky":
        # Without a cookie, the identifier of the request, which is what the cookie will be set to.
        variable, cookie = _variable("sticky", upstream), f"$cookie_{STICKY_COOKIE}"
        text += f'map {cookie} {variable} {{\n    "" $request_id;\n    default {cookie};\n}}\n'
    if upstream.stream:
        text += stream_server(upstream.name, upstream.stream)
    if upstream.generation:
        text += f'map "" {_variable("generation", upstream)} {{\n    default {generation};\n}}\n'
    return text


def stream_server(name: str, stream: Stream) -> str:
    """The server that passes connections on (ngx_stream_core_module)."""
    listen = {"tcp": " ssl" if stream.tls else "", "udp": " udp reuseport"}[stream.protocol]
    lines = [f"    listen {stream.port}{listen};"]
    if speaks_ipv6():
        lines.append(f"    listen [::]:{stream.port}{listen};")
    lines += [f"    allow {network};" for network in stream.allow_from]
    lines += ["    deny all;"] if stream.allow_from else []
    if stream.tls:
        folder = f"{TLS}/{stream.tls}"
        lines += [f"    ssl_certificate {folder}/fullchain.pem;", f"    ssl_certificate_key {folder}/privkey.pem;"]
        lines += ["    ssl_protocols TLSv1.2 TLSv1.3;", "    ssl_handshake_timeout 10s;"]
    lines += [f"    proxy_pass {name};", "    proxy_connect_timeout 5s;", f"    proxy_timeout {stream.timeout}s;"]
    lines += ["    proxy_protocol on;"] if stream.proxy_protocol else []
    return "\n".join(["server {", *lines, "}", ""])


def render(upstream: Upstream, addresses: Sequence[str], generation: str = "none") -> str:
    """The file that nginx includes (ngx_http_upstream_module).

    :param generation: of the containers at these addresses.
    """
    source = f"the running containers of {upstream.project}/{upstream.service}" if not upstream.members else "its members"
    lines = [
        f"# Written by latentum.ops from {source}; do not edit.",
        f"upstream {upstream.name} {{",
        f"    zone {upstream.name} 128k;",
    ]
    # A trial gets its share by weight alone: by least_conn a slow version would hide itself.
    trial = any("weight=" in address for address in addresses) and upstream.balance == "least_conn"
    if addresses and not trial:
        lines += balance_lines(upstream)
    # One container must not be taken out for one failed request: health is Docker's to judge, not a counter's.
    # A page that says when to come back is HTTP: a stream is refused meanwhile.
    there = [address for address in addresses if not (upstream.stream and address == MAINTENANCE)]
    lines += [f"    server {address} max_fails=0;" for address in there] or [f"    {NOBODY}"]
    if upstream.keepalive:
        lines.append(f"    keepalive {upstream.keepalive};")
    return "\n".join([*lines, "}", ""]) + definitions(upstream, generation)


def plan(engine: ContainerSource | None, upstreams: Sequence[Upstream]) -> list[Entry]:
    """The files as they should be now; without an engine as if no container ran."""
    projects = {upstream.project for upstream in upstreams if not upstream.members}
    containers = {project: engine.containers(project) if engine else [] for project in projects}
    plans = {project: traffic_plan.load(project) for project in containers}
    out = {project: out_of_rotation.load(project) for project in containers}
    entries = []
    away = drained()
    for upstream in upstreams:
        if upstream.members:
            # Somebody must serve: were all of them drained, all of them would be asked.
            present = [member.server for member in upstream.members if member.name not in away]
            entries.append(
                Entry(path=path_of(upstream), content=render(upstream, present or [member.server for member in upstream.members]).encode())
            )
            continue
        mine, written = containers[upstream.project], read_text(path_of(upstream))
        addresses = servers(upstream, mine, written, plans[upstream.project].get(upstream.service), out[upstream.project])
        content = render(upstream, addresses, generation(upstream, mine, addresses, written) if upstream.generation else "none")
        entries.append(Entry(path=path_of(upstream), content=content.encode()))
    return entries


def stale(names: Collection[str]) -> list[Entry]:
    """Files of upstreams that nobody declares any more, and that no site names: nginx refuses one that it cannot find.

    :param names: of those that are declared.
    """
    kept = {*names, *site_file.named_upstreams()}
    files = sorted(path for path in RENDERED.glob("*.*") if path.suffix in SUFFIXES)
    gone = [path for path in files if path.stem not in kept and not site_file.is_left(path)]
    return [Entry(path=path, state="absent") for path in gone]


@dataclass(frozen=True)
class Synced:
    """What was changed, and whether nginx has taken files over that it did not have: also those that a killed run had written."""

    changes: list[Change]
    reloaded: bool = False

    @property
    def paths(self) -> list[str]:
        """The changed files."""
        return [str(change.entry.path) for change in self.changes]


def sync(
    engine: ContainerSource | None,
    upstreams: Sequence[Upstream] | None = None,
    *,
    purge: bool = False,
    own: Collection[str] | None = None,
    reload: bool = True,
    check_mode: bool = False,
) -> Synced:
    """Make the files true; with `reload` tested by nginx and taken over by it when it runs.

    :param upstreams: None for those that the stacks of this host declare when it is this run's turn to write: another one may be
        switching them.
    :param purge: remove the files of upstreams that are not among these.
    :param own: the stacks that these are of; the files of upstreams of others stay then.
    :raises ConfigSetError: nginx refused the result; the old files are back.
    """
    with one_writer():
        upstreams = load() if upstreams is None else upstreams
        entries = plan(engine, upstreams)
        if purge:
            others = {} if own is None else ownership.of_others(own)
            entries += stale({*(upstream.name for upstream in upstreams), *(name for stack in others.values() for name in stack.upstreams)})
        wanted = ConfigSet(
            name="upstreams",
            entries=entries,
            validate=[NGINX_TEST] if reload else [],
            activate=[NGINX_RELOAD] if reload else [],
            activate_unit="nginx.service",
            parents=True,
        )
        changes = apply(wanted, check_mode=True).changes
        if check_mode:
            return Synced(changes)
        if changes:
            # Files that are right say nothing about nginx, if whoever wrote them was killed before the reload.
            PENDING.touch()
            apply(wanted)
        if not reload:
            return Synced(changes)
        if not changes:
            return Synced(changes, reloaded=take_over_pending())
        PENDING.unlink(missing_ok=True)
        return Synced(changes, reloaded=True)


def take_over_pending() -> bool:
    """Have nginx read what a killed run had written; returns whether that took a reload.

    :raises ConfigSetError: it refuses.
    """
    if not PENDING.exists():
        return False
    reloaded = take_over()
    PENDING.unlink(missing_ok=True)
    return reloaded


def take_over() -> bool:
    """Have nginx read what is written; nothing to do while it does not run.

    :raises ConfigSetError: it refuses.
    """
    if run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).rc != 0:
        return False
    try:
        run(NGINX_TEST, timeout=120)
        run(NGINX_RELOAD, timeout=300)
    except CommandError as error:
        raise ConfigSetError(f"upstreams: nginx does not take over what is written: {error}") from error
    return True


def drained() -> set[str]:
    """Members that get no traffic now, by name."""
    return set(read_state(DRAINED, []))


def set_drained(names: set[str]) -> None:
    """Remember who gets no traffic; a restart of the host changes nothing about it."""
    DRAINED.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_state(DRAINED, sorted(names), 0o600)
