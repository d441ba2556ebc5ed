# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's daemon.json: what is declared is merged into what others have written there, and nobody's containers or data get lost.

Three sides: what the file says, what is declared, and what was declared last, so that a key that is declared no more goes, and one that
was never declared stays. The file as it was before the first merge is kept beside it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..containers.client import Engine, released
from ..schema.nodes import Problem, shown
from .entries import Entry, find
from .transaction import ConfigSet

FILE = Path("/etc/docker/daemon.json")
BEFORE = FILE.with_name("daemon.json.before-latentum-ops")
DECLARED = Path("/etc/latentum-ops/docker-daemon.json")  # what was declared last
UNIT = "docker.service"
# `systemctl reload` returns when the signal is sent. A restart that comes before the engine has taken it up stops all containers.
LIVE = (
    "i=0; until docker --context default info --format '{{.LiveRestoreEnabled}}' 2>/dev/null | grep -qx true; do i=$((i + 1));"
    " [ $i -lt 100 ] || { echo 'live-restore is not on 20 s after the reload; a restart would stop all containers' >&2; exit 1; };"
    " sleep 0.2; done"
)
UNIT_ARGV = ("systemctl", "show", UNIT, "--property=ExecStart,Environment")
OPTS = Path("/etc/default/docker")  # read by the distribution's unit
ROOT = "/var/lib/docker"
# What dockerd takes up on SIGHUP (dockerd, "Configuration reload behavior").
RELOADABLE = {
    "authorization-plugins", "debug", "default-runtime", "features", "insecure-registries", "labels", "live-restore",
    "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "registry-mirrors", "runtimes", "shutdown-timeout",
}  # fmt: skip
# One value, though it is a mapping: options of another log driver would be refused.
WHOLE = {"log-opts"}
# Keys whose change lets the engine begin with nothing: its containers, images and volumes stay where they were.
HIDES_DATA = ("data-root", "userns-remap", "storage-driver")
SHORT = {"H": "hosts", "g": "data-root", "D": "debug", "l": "log-level", "s": "storage-driver", "b": "bridge", "G": "group", "p": "pidfile"}
PLURAL = {"host", "log-opt", "label", "registry-mirror", "insecure-registry", "exec-opt", "storage-opt", "authorization-plugin"}
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Running:
    """What a running engine says of itself.

    :param holds: whether there are containers, images or volumes.
    :param foreign: names of running containers that are not of this collection.
    """

    root: str = ROOT
    driver: str = ""
    swarm: bool = False
    holds: bool = False
    foreign: Sequence[str] = ()

    @classmethod
    def ask(cls, engine: Engine) -> Running:
        """What it answers."""
        info = engine.api.info()
        foreign = [brief["Names"][0].lstrip("/") for brief in engine.api.containers() if not released(brief)]
        return cls(
            root=re.sub(r"/\d+\.\d+$", "", info.get("DockerRootDir") or ROOT),  # with userns-remap a folder below it
            driver=info.get("Driver") or "",
            swarm=(info.get("Swarm") or {}).get("LocalNodeState") == "active",
            holds=bool(info.get("Containers") or info.get("Images") or engine.api.volumes().get("Volumes")),
            foreign=sorted(foreign),
        )


@dataclass(frozen=True)
class Present:
    """What there is on a host.

    :param text: of the file, empty for none; ``declared``: of what was declared last.
    :param unit: what systemd says of the unit (`UNIT_ARGV`); ``opts``: the distribution's /etc/default/docker.
    """

    text: str = ""
    declared: str = ""
    unit: str = ""
    opts: str = ""
    running: Running | None = None


@dataclass(frozen=True)
class Confirmed:
    """What an operator has said yes to, and, with `keep_foreign`, whose containers go before our options.

    :param keep_foreign: no restart while containers of others are running, unless it is confirmed: with live-restore they survive it, but
        nobody reaches their published ports for the second in which the engine starts.
    """

    move: bool = False
    restart: bool = False
    keep_foreign: bool = False


@dataclass
class Plan:
    """What becomes of the file, or why nothing does."""

    options: dict[str, Any] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)  # keys
    kept: list[str] = field(default_factory=list)  # keys that others have written
    deferred: list[str] = field(default_factory=list)  # keys that would have another value, and wait for a restart that is confirmed
    declared: Options = field(default_factory=dict)  # what is recorded as declared: of deferred keys what was recorded before
    problems: list[Problem] = field(default_factory=list)

    @property
    def restart(self) -> bool:
        """A reload would not be enough."""
        return not RELOADABLE.issuperset(self.changed)

    @property
    def activate(self) -> list[list[str]]:
        """Commands. A reload first: it turns live-restore on, so that containers survive a restart, which comes once it is on."""
        reload, restart = ["systemctl", "reload", UNIT], ["systemctl", "restart", UNIT]
        if not self.changed or not self.restart:
            return [reload] if self.changed else []
        return [reload, ["sh", "-c", LIVE], restart] if self.options.get("live-restore") else [reload, restart]


def plan(declared: Options, present: Present, confirmed: Confirmed | None = None) -> Plan:
    """Merge, and look at what would get lost."""
    confirmed = confirmed or Confirmed()
    existing = parse(present.text)
    if isinstance(existing, Problem):
        return Plan(problems=[existing])
    last = parse(present.declared)
    last = {} if isinstance(last, Problem) else last
    options = merged(existing, declared, last)
    changed, deferred = _differing(existing, options), set[str]()
    if confirmed.keep_foreign and not confirmed.restart and present.running and present.running.foreign:
        deferred = set(changed) - RELOADABLE
        options, declared = (_exchanged(options, existing, deferred), _exchanged(declared, last, deferred))
        changed = [key for key in changed if key not in deferred]
    result = Plan(options, changed, sorted(set(options) - set(declared)), sorted(deferred), declared)
    given = flags(present.unit, present.opts)
    result.problems += [*_collisions(declared, given), *_undoing(declared, options)]
    if changed and present.running:
        result.problems += _losses(existing, options, given, present.running, confirmed)
        result.problems += _disturbed(result, present.running, confirmed)
    return result


def _differing(existing: Options, options: Options) -> list[str]:
    """Keys that one has and the other has not, or not with the same value."""
    return sorted(key for key in {**existing, **options} if existing.get(key, ...) != options.get(key, ...))


def _exchanged(options: Options, others: Options, keys: set[str]) -> dict[str, Any]:
    """Options, but these keys as the others have them."""
    return {**{key: options[key] for key in options if key not in keys}, **{key: others[key] for key in others if key in keys}}


def parse(text: str) -> dict[str, Any] | Problem:
    """The options of a file, or what is wrong with it; dockerd takes an empty one for no options."""
    if not text.strip():
        return {}
    fix = f"mend it (`dockerd --validate --config-file {FILE}` says more), or move it away when its settings are not needed"
    try:
        options = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        return Problem(str(FILE), "", f"is no JSON, so its settings cannot be kept: {error}", fix)
    return options if isinstance(options, dict) else Problem(str(FILE), shown(options), "is no JSON object", fix)


def merged(existing: Options, declared: Options, last: Options) -> dict[str, Any]:
    """The options of all: what is declared wins, what is declared no more goes, and what was never declared stays."""
    options: dict[str, Any] = {}
    for key in {**existing, **declared}:
        theirs, ours, former = existing.get(key), declared.get(key), last.get(key)
        if key not in WHOLE and isinstance(theirs, Mapping) and isinstance(ours if key in declared else former, Mapping):
            inner = merged(theirs, ours or {}, former if isinstance(former, Mapping) else {})
            if inner or key in declared:
                options[key] = inner
        elif key in declared:
            options[key] = ours
        elif key not in last or theirs != former:
            options[key] = theirs
    return options


def flags(unit: str, opts: str = "") -> dict[str, str]:
    """The options that the unit gives dockerd on its command line, by their key in daemon.json.

    :param unit: what ``systemctl show`` says; :param opts: the file that sets DOCKER_OPTS.
    """
    line = re.search(r"argv\[\]=(.*?) ;", unit)
    if not line:
        return {}
    extra = re.search(r"^\s*DOCKER_OPTS=(.*)$", opts, re.MULTILINE) or re.search(r"DOCKER_OPTS=([^\n]*)", unit)
    inserted = extra[1].strip().strip("\"'") if extra else ""
    words = _words(re.sub(r"\$\{?DOCKER_OPTS\}?", lambda _: inserted, line[1]))[1:]
    options: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
        elif word.startswith("-") and word[1:2] in SHORT:
            name, equals, value = SHORT[word[1]], word[2:], word[2:].lstrip("=")
        else:
            continue
        key = {"graph": "data-root", "insecure-registry": "insecure-registries", "default-address-pool": "default-address-pools"}.get(name)
        options[key or (f"{name}s" if name in PLURAL else name)] = value if equals else "" if following.startswith("-") else following
    return options


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _collisions(declared: Options, given: Mapping[str, str]) -> Iterator[Problem]:
    """dockerd does not start when an option stands both on its command line and in the file."""
    where = f"the unit of the engine (see `systemctl cat {UNIT}`)"
    for key in sorted(set(given) & set(declared)):
        problem = f"{where} starts dockerd with {key} on its command line, and dockerd refuses to have it in {FILE} as well"
        yield Problem(f"{FILE}: {key}", given[key], problem, "take it out of the unit's drop-in")
    if given.get("config-file", str(FILE)) != str(FILE):
        problem = f"{where} names another file, so this one would not be read"
        yield Problem(str(FILE), given["config-file"], problem, "take it out of the unit's drop-in")


def _undoing(declared: Options, options: Options) -> Iterator[Problem]:
    """What others have written against the promises of this collection, unless it is declared: then somebody has thought of it."""
    open_hosts = [host for host in _strings(options.get("hosts")) if host.startswith("tcp://")]
    against = {
        "hosts": (bool(open_hosts) and not options.get("tlsverify"), "opens the engine to the network, and whoever reaches it is root"),
        "iptables": (options.get("iptables") is False, "keeps the engine's rules out of the firewall, so nothing closes published ports"),
        "seccomp-profile": (options.get("seccomp-profile") == "unconfined", "takes the filter of system calls from every container"),
    }
    for key, (wrong, why) in against.items():
        if wrong and key not in declared:
            fix = f"take it out of {FILE}, or declare it in docker_daemon_options when it is meant"
            yield Problem("docker_daemon_options", f"{key}: {json.dumps(options[key])}", f"{FILE} has a setting that {why}", fix)


def _strings(value: object) -> Iterable[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _losses(existing: Options, options: Options, given: Mapping[str, str], running: Running, confirmed: Confirmed) -> Iterator[Problem]:
    """The engine would begin with nothing while all it holds stays where it is."""
    former = {"data-root": running.root, "userns-remap": existing.get("userns-remap", ""), "storage-driver": running.driver}
    for key in HIDES_DATA:
        old = str(former[key])
        new = str(options.get(key) or given.get(key) or (ROOT if key == "data-root" else ""))
        if key == "storage-driver" and (key not in options or not running.driver):
            continue
        # The engine names its root without links: /var/lib/docker is one on many hosts.
        same = os.path.realpath(old) == os.path.realpath(new) if key == "data-root" else old == new
        if same or confirmed.move or not (running.holds or running.foreign):
            continue
        problem = f"{key} would change from {old or 'none'} to {new or 'none'}, and the engine would start without what it holds now"
        stay = f"declare docker_daemon_options: {{{key}: {old}}}" if old else f"take {key} out of docker_daemon_options"
        fix = f"{stay}, or move containers, images and volumes yourself and set docker_confirm_move: true for one run"
        yield Problem("docker_daemon_options", new, problem, fix)


def _disturbed(planned: Plan, running: Running, confirmed: Confirmed) -> Iterator[Problem]:
    """A restart of the engine under containers of others."""
    survive = bool(planned.options.get("live-restore"))
    if running.swarm and survive:
        problem = "the engine is part of a swarm, and does not start with live-restore there"
        fix = "write docker_live_restore: false, or `docker swarm leave` when the swarm is not needed"
        yield Problem("docker_live_restore", "true", problem, fix)
    elif planned.restart and running.foreign and not survive and not confirmed.restart:
        what = f"{', '.join(planned.changed)} of {FILE} would change, for which the engine is restarted"
        problem = f"{what}, and without live-restore that stops {', '.join(running.foreign)}"
        fix = "write docker_live_restore: true, or set docker_confirm_restart: true for one run at a time that suits"
        yield Problem("docker_live_restore", "false", problem, fix)


def config_set(planned: Plan, present: Present, more: Sequence[Entry] = ()) -> ConfigSet:
    """The files as one transaction: daemon.json, what was declared for it, the file as it was before the first merge, and `more`."""
    entries = [*more, Entry(DECLARED, content=rendered(planned.declared), mode=0o600, sensitive=True)]
    if planned.changed:
        entries.append(_kept_as_owned(FILE.resolve(), rendered(planned.options)))
        if present.text.strip() and not present.declared:
            entries.append(_kept_as_owned(FILE.resolve(), present.text.encode(), at=BEFORE))
    return ConfigSet(
        name="docker",
        entries=entries,
        validate=[["dockerd", "--validate", "--config-file", str(FILE)]] if planned.changed else [],
        activate=planned.activate,
        activate_unit=UNIT,
        parents=True,
        journal=True,
    )


def _kept_as_owned(path: Path, content: bytes, at: Path | None = None) -> Entry:
    """Content with the owner and mode that a file has: a daemon.json with the password of a proxy may be for root alone."""
    now = find(path)
    if now.kind != "file":
        return Entry(at or path, content=content)
    return Entry(at or path, content=content, mode=now.mode, uid=now.uid, gid=now.gid)


def rendered(options: Options) -> bytes:
    """A file with these options."""
    return (json.dumps(options, indent=4, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="surrogateescape")
