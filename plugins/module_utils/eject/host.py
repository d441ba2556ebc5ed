# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ejection of a stack: first what is left is written beside what runs, then a last rollout brings the containers there, then the rest goes.

The rollout between the two is an ordinary one (module compose_rollout): until it is over nothing that serves has changed.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..backup import barman
from ..backup import settings as backup_settings
from ..backup.restic_access import KNOWN_HOSTS
from ..compose.yaml_writer import dump
from ..contracts.job_settings import JobSettings
from ..contracts.update_safety import HOST_PORT
from ..core import paths
from ..core.caller import caller
from ..core.locks import stack_lock
from ..core.process import run
from ..core.version import HOME
from ..firewall import containment
from ..hostconfig.engine import COMMAND, COMPLETION
from ..hostconfig.entries import Change, Entry
from ..hostconfig.transaction import ConfigSet, apply
from ..jobs import settings as job_settings
from ..jobs import units as engine_jobs
from ..jobs.settings import JobError
from ..nginx import ownership, shared_sites, sync
from ..nginx.site_file import LEFT
from ..nginx.writer import one_writer
from ..release import routing
from ..release.carried import UNTOLD
from ..release.journal import Journal
from ..release.stacks import stacks
from ..release.store import Release, Store, environment_text
from ..tls.certificates import Layout, is_own
from . import backup_script, job_units, nginx_files
from .project import EjectedProject, NotEjected, ejected, listened
from .readme import LOST, readme
from .returned import HISTORY, note

UNITS = Path("/etc/systemd/system")
HOOKS = Path("/etc/letsencrypt/renewal-hooks/deploy")
CONFIGURATION = Path("/etc/latentum-ops")
OWN_TLS = Path("/etc/nginx/tls")  # certificates that certbot does not know
OWN_AUTHENTICATION = Path(nginx_files.OWN_AUTHENTICATION)
FOLLOWERS = ("latentum-ops-watchdog.service", "latentum-ops-upstreams.service")  # who writes upstreams
HELPERS = (
    "latentum-ops-steward.path",
    "latentum-ops-steward.service",
    "latentum-ops-socket-proxy.socket",
    "latentum-ops-socket-proxy.service",
    "latentum-ops-auth.socket",
    "latentum-ops-auth.service",
)
USERS = ("latentum-watchdog", "latentum-socket-proxy", "latentum-auth")
SYSUSERS = Path("/etc/sysusers.d/latentum-ops-watchdog.conf")
SHARE = Path("/usr/share")  # with what completes the command line
LOCK_WAIT = 300.0  # seconds: a backup may be running
CONNECT = 5.0  # seconds that a port of loopback has to answer
HOOK = f"""#!/bin/sh
{LEFT}# certbot runs it for each renewed certificate.
nginx -t -q && systemctl reload nginx.service
"""


@dataclass
class Outcome:
    """What was, or would be, changed, and what is lost by it."""

    changes: list[Change] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Ejection:
    """One stack of this host.

    :raises NotEjected: it has no live release, or is in the middle of a rollout.
    """

    def __init__(self, stack: str) -> None:
        self.stack = stack
        live, underway = Store(stack).live(), Journal(stack).underway()
        if live is None:
            raise NotEjected(f"stack: {stack} has no live release on this host: there is nothing to eject")
        if underway is not None:
            raise NotEjected(f"stack: {underway.describe()}: let it end, or `opsctl rollback`, first")
        sites = live.routes.sites if live.routes else {}
        asking = [name for name, content in sites.items() if nginx_files.needs_service(content)]
        if asking:
            raise NotEjected(
                f"stack: routes of {', '.join(asking)} recognize callers by keys, tokens or a login (auth: api_key, jwt, forward), and the"
                " service that does so goes with the engine: change auth to basic or client_ca, or let the application do it, roll that"
                " out, and eject then"
            )
        self.live: Release = live
        self.directory = Path(live.directory)
        self.others = sorted(str(description["name"]) for description in stacks() if description["name"] != stack)

    @cached_property
    def settings(self) -> backup_settings.Settings | None:
        """Its backups; None where there are none."""
        return backup_settings.load(self.stack) if self.stack in backup_settings.stacks() else None

    @cached_property
    def jobs(self) -> JobSettings | None:
        """Its jobs; None where there are none."""
        try:
            return job_settings.load(self.stack)
        except JobError as error:
            raise NotEjected(str(error)) from error

    @cached_property
    def upstreams(self) -> list[Any]:
        """Those that lead to it, and those that are kept for sites by hand."""
        if not routing.serves():
            return []
        return [*routing.upstreams_of(self.live.routes), *routing.kept(self.stack)]

    @cached_property
    def left(self) -> EjectedProject:
        """The project that is left."""
        return ejected(self.live, self.upstreams, listened())

    # First: beside what runs.

    def prepare(self, *, check: bool) -> Outcome:
        """Write the secrets, and the files that the release carries, where the project finds them from now on."""
        entries = [*self._secrets(), *self._carried()]
        outcome = Outcome(changes=apply(ConfigSet(f"eject-{self.stack}", entries, parents=True), check_mode=check).changes)
        if not check:
            note(Store(self.stack).folder, self.directory, entries)
        return outcome

    def rollout(self) -> dict[str, Any]:
        """Arguments of module compose_rollout that bring the containers to the project that is left."""
        known = {str(policy["service"]): dict(policy) for policy in self.live.policies}
        services = [*known, *(listener.service for listener in self.left.listening if listener.service not in known)]
        policies = [{**known.get(name, {"service": name}), "allow": _allowed(known.get(name, {}))} for name in dict.fromkeys(services)]
        return {
            "directory": str(self.directory),
            "compose": dict(self.left.project),
            "environment": dict(self.live.environment),
            "services": self.live.services,
            "policies": policies,
            "domains": self.live.domains,
        }

    def _secrets(self) -> Iterator[Entry]:
        """Copies with the owners and modes of the originals, in a folder that is root's alone."""
        files = dict(self.left.secrets)
        for master in backup_script.secrets_of(self.settings) if self.settings else ():
            if master.is_relative_to(paths.SECRETS / self.stack):
                files[master] = Path("secrets/backup") / master.name
        folders = {self.directory / folder for file in files.values() for folder in file.parents if folder != Path()}
        yield from (Entry(path=folder, state="directory", mode=0o700) for folder in sorted(folders))
        for source, target in files.items():
            if not source.is_file():
                raise NotEjected(f"{source}: is missing: run site.yml with --tags secrets first")
            status = source.stat()
            mode, uid, gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
            yield Entry(path=self.directory / target, content=source.read_bytes(), mode=mode, uid=uid, gid=gid, sensitive=True)

    def _carried(self) -> Iterator[Entry]:
        """Copies with the owners and modes of the originals.

        Their folder is root's alone: what a container may see is mounted by itself.
        """
        if self.left.carried:
            yield Entry(path=self.directory / paths.FILES, state="directory", mode=0o700)
        for source, target in self.left.carried.items():
            if not source.is_dir():
                raise NotEjected(f"{source}: is missing: deploy the release again with playbook rolling_update first")
            for path in (source, *sorted(source.rglob("*"))):
                status = path.stat()
                mode, uid, gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
                there = self.directory / target / path.relative_to(source)
                if path.is_dir():
                    yield Entry(path=there, state="directory", mode=mode, uid=uid, gid=gid)
                elif path != source / UNTOLD:
                    yield Entry(path=there, content=path.read_bytes(), mode=mode, uid=uid, gid=gid)

    # Then, after the rollout.

    def finish(self, *, check: bool) -> Outcome:
        """Let plain nginx serve it, write what goes on by itself, and remove what does not.

        :raises NotEjected: the rollout has not been there, or a service does not answer where nginx is to find it.
        """
        if check:
            return self._finish(check=True)
        self._require_rolled_out()
        with stack_lock(self.stack, caller(), LOCK_WAIT, what="eject"):
            return self._finish(check=False)

    def _finish(self, *, check: bool) -> Outcome:
        outcome = Outcome(lost=[*LOST])
        followers = [] if self.others else [unit for unit in FOLLOWERS if (UNITS / unit).exists()]
        if not check:
            _systemctl("disable", "--now", *followers)
            containment.lift_egress(self.stack)  # before the engine goes: what follows the addresses of names is it
        with one_writer():
            outcome.changes += apply(self._nginx(), check_mode=check).changes
        files = self._files()
        outcome.changes += apply(files, check_mode=check).changes
        if not check:
            note(Store(self.stack).folder, self.directory, files.entries)
        if self.settings and not check:
            run(["systemctl", "enable", "--now", f"{self.stack}-backup.timer"])
        if not check:
            _systemctl("disable", "--now", *self._job_timers())  # before the plain ones: no job is to begin twice
            _systemctl("enable", "--now", *(name for name in self._plain_jobs() if name.endswith(".timer")))
        outcome.units = [*followers, *self._units()]
        outcome.removed = [str(path) for path in self._leftovers()]
        if not check:
            self._remove(outcome.units)
        return outcome

    def _require_rolled_out(self) -> None:
        if self.left.project != self.live.project:
            raise NotEjected(f"stack: the containers of {self.stack} are not where the plain project has them: run the rollout first")
        for listener in self.left.listening:
            for number in listener.published:
                try:
                    socket.create_connection(("127.0.0.1", number), CONNECT).close()
                except OSError as error:
                    what = f"{listener.service} does not answer at 127.0.0.1:{number} ({error}); nginx goes on as it was"
                    raise NotEjected(f"{what}: look at `docker compose ps` in {self.directory}") from error

    def _nginx(self) -> ConfigSet:
        """Upstreams and sites, tested and taken over together; definitions go, so that nobody writes them anew."""
        entries = [
            Entry(path=sync.path_of(upstream), content=nginx_files.upstream(upstream, self.left.listening).encode())
            for upstream in self.upstreams
        ]
        sites = list(self.live.routes.sites) if self.live.routes else []
        for path in (path for name in sites for path in shared_sites.served_files(self.stack, name)):
            text = path.read_text()
            folders = {name: str(self._certificate(name)) for name in nginx_files.certificates_of(text)}
            entries += [entry for name in folders for entry in self._own_certificate(name)]
            entries.append(Entry(path=path, content=nginx_files.site(text, folders).encode()))
        # In the server block of another stack its paths go on; that block is not to pass to it.
        wholes = [shared_sites.whole_file(self.stack, name) for name in sites]
        entries += [Entry(path=path, state="absent") for path in wholes if path.exists()]
        entries += self._authentication()
        drop_in = UNITS / "nginx.service.d/10-latentum-ops.conf"
        if drop_in.exists() and not self.others:
            entries.append(Entry(path=drop_in, content=nginx_files.drop_in(drop_in.read_text()).encode()))
        entries += [Entry(path=sync.CONFIGURATION / f"{self.stack}{kind}.json", state="absent") for kind in ("", ".kept")]
        return ConfigSet(
            f"eject-{self.stack}-nginx",
            entries,
            validate=[sync.NGINX_TEST] if self.upstreams or sites else [],
            activate=[["systemctl", "daemon-reload"], ["systemctl", "reload", "nginx.service"]],
            activate_unit="nginx.service",
            parents=True,
        )

    def _authentication(self) -> Iterator[Entry]:
        """Users with passwords, and authorities of clients."""
        for pattern in ("*.htpasswd", "*.pem"):
            for file in sorted((CONFIGURATION / "authentication" / self.stack).glob(pattern)):
                kept = stat.S_IMODE(file.stat().st_mode)
                target = OWN_AUTHENTICATION / self.stack / file.name
                yield Entry(target, content=file.read_bytes(), mode=kept, gid=file.stat().st_gid, sensitive=True)

    def _certificate(self, name: str) -> Path:
        """The folder that has a certificate from now on: certbot's, or a copy of what was served without it."""
        layout = Layout()
        return layout.live(name) if layout.renewal(name).exists() and not is_own(name, layout) else OWN_TLS / name

    def _own_certificate(self, name: str) -> Iterator[Entry]:
        """A placeholder, or a certificate that somebody brought."""
        folder = self._certificate(name)
        source = Layout().link(name)
        if folder == Layout().live(name) or not source.exists():
            return
        yield Entry(path=folder, state="directory", mode=0o700)
        for file in ("fullchain.pem", "privkey.pem"):
            yield Entry(path=folder / file, content=(source / file).read_bytes(), mode=0o600, sensitive=True)

    def _files(self) -> ConfigSet:
        """The project as its operator reads it, what renews certificates, and backups."""
        sites = list(self.live.routes.sites) if self.live.routes else []
        timers = [name for name in self._plain_jobs() if name.endswith(".service")]
        text = readme(self.stack, str(self.directory), self.left, sites, self.settings is not None, bool(self.others), timers)
        entries = [
            Entry(path=self.directory / "compose.yaml", content=(LEFT + dump(dict(self.left.project))).encode(), mode=0o640),
            Entry(path=self.directory / ".env", content=_plain_environment(self.live).encode(), mode=0o640),
            Entry(path=self.directory / "README.md", content=text.encode(), mode=0o640),
        ]
        if (HOOKS / "latentum-ops").exists() and not self.others:
            entries.append(Entry(path=HOOKS / "reload-nginx", content=HOOK.encode(), mode=0o755))
            entries.append(Entry(path=HOOKS / "latentum-ops", state="absent"))
        if self.settings:
            entries += self._backup(self.settings)
        entries += [Entry(path=UNITS / name, content=content.encode()) for name, content in self._plain_jobs().items()]
        return ConfigSet(f"eject-{self.stack}-files", entries, activate=[["systemctl", "daemon-reload"]], parents=True)

    def _backup(self, settings: backup_settings.Settings) -> list[Entry]:
        folder = self.directory / "backup"
        moved = {master: self.directory / "secrets/backup" / master.name for master in backup_script.secrets_of(settings)}
        entries = [Entry(path=folder, state="directory", mode=0o700)]
        copies = [KNOWN_HOSTS, *(Path(target.ca_file) for target in settings.targets if target.ca_file)]
        for source in copies:
            moved[source] = folder / source.name
            if source.exists():
                entries.append(Entry(path=folder / source.name, content=source.read_bytes(), mode=0o600))
        script = backup_script.script(settings, moved, folder / KNOWN_HOSTS.name)
        return [
            *entries,
            Entry(path=folder / "backup.sh", content=script.encode(), mode=0o700),
            Entry(path=UNITS / f"{self.stack}-backup.service", content=backup_script.service(self.stack, folder / "backup.sh").encode()),
            Entry(path=UNITS / f"{self.stack}-backup.timer", content=backup_script.timer(settings).encode()),
        ]

    def _plain_jobs(self) -> dict[str, str]:
        """Units of its jobs that go on without the engine, by name."""
        return job_units.units(self.jobs, self.directory) if self.jobs else {}

    def _job_timers(self) -> list[str]:
        """Those of the engine."""
        return [path.name for path in engine_jobs.there(self.stack) if path.suffix == ".timer"]

    def _published(self) -> list[str]:
        """The site files of the live release, as the engine wrote them."""
        return list(self.live.routes.sites.values()) if self.live.routes else []

    def _certificates_of(self, text: str) -> set[str]:
        """The certificates that a site of it names, and none of another stack."""
        others = {name for mine in ownership.of_others([self.stack]).values() for name in mine.certificates}
        return set(nginx_files.certificates_of(text)) - others

    def _servers(self) -> list[str]:
        """Barman's names of its database servers."""
        return [self.settings.server(cluster) for cluster in self.settings.clusters] if self.settings else []

    def _backup_timers(self) -> list[str]:
        """One for all data, or one a plan."""
        plans = self.settings.plans if self.settings else ()
        return [f"latentum-ops-backup@{self.stack}.{plan.name}.timer" for plan in plans] or [f"latentum-ops-backup@{self.stack}.timer"]

    def _units(self) -> list[str]:
        """What is stopped and disabled for good, beside the followers."""
        own = [*self._backup_timers(), f"latentum-ops-push@{self.stack}.timer"] if self.settings else []
        own += [f"latentum-ops-wal@{server}.service" for server in self._servers()]
        own += self._job_timers()
        own += [timer for timer in [f"latentum-ops-rotation@{self.stack}.timer"] if (UNITS / "timers.target.wants" / timer).exists()]
        return own if self.others else [*own, *(unit for unit in HELPERS if (UNITS / unit).exists())]

    def _leftovers(self) -> Sequence[Path]:
        """Files of the engine, of this stack; with the last stack all of them. What people wrote and what was backed up stays."""
        own = [
            paths.STACKS / f"{self.stack}.json",
            CONFIGURATION / f"watchdog/{self.stack}.json",
            CONFIGURATION / f"backup/{self.stack}.json",
            CONFIGURATION / f"jobs/{self.stack}.json",
            CONFIGURATION / f"slo/{self.stack}.json",
            *engine_jobs.there(self.stack),
            CONFIGURATION / f"backup/{self.stack}",
            CONFIGURATION / f"authentication/{self.stack}",
            *(UNITS / timer for timer in self._backup_timers()),
            UNITS / f"latentum-ops-push@{self.stack}.timer",
            *(barman.CONFIGURATION / f"{server}.conf" for server in self._servers()),
            paths.SECRETS / self.stack,
            *(path for text in self._published() for name in self._certificates_of(text) for path in _of_certificate(name)),
        ]
        if self.others:
            return [path for path in own if path.exists()]
        folders = ("stacks", "upstreams", "watchdog", "backup", "jobs", "slo", "barman", "tls", "secrets", "authentication")
        every = [CONFIGURATION / name for name in (*folders, "environment.json")]
        every += [
            *unit_files(),
            SYSUSERS,
            SYSUSERS.with_name("latentum-ops-auth.conf"),
            HOME,
            COMMAND,
            *(SHARE / path for path in COMPLETION.values()),
        ]
        return [path for path in dict.fromkeys([*own, *every]) if path.exists()]

    def _remove(self, units: Sequence[str]) -> None:
        """The engine is last: whoever is killed in here finds it for another try."""
        _systemctl("disable", "--now", *units)
        for path in self._leftovers():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        shutil.move(str(Store(self.stack).folder), str(_free(self.directory / HISTORY)))
        if not self.others:
            for user in USERS:
                run(["userdel", user], check=False)
        run(["systemctl", "daemon-reload"])


def _of_certificate(name: str) -> tuple[Path, Path]:
    """What sites named until now; of the operator's own the files as well, of which there are copies."""
    return Layout().link(name), Layout().own(name).parent


def unit_files() -> list[Path]:
    """Unit files of the engine."""
    names = (*FOLLOWERS, *HELPERS, *(f"latentum-ops-{kind}@.service" for kind in ("backup", "push", "wal")))
    return [UNITS / name for name in names]


def was_ejected(stack: str, directory: Path) -> bool:
    """The stack in this folder was ejected before, and has not come back since: its history is there and not among the engine's."""
    return (directory / HISTORY).is_dir() and not Store(stack).folder.exists()


def _free(path: Path) -> Path:
    """A path that is not there yet: whoever came back and leaves again keeps the history from before."""
    names = itertools.chain([path.name], (f"{path.name}-{number}" for number in itertools.count(2)))
    return next(free for name in names if not (free := path.with_name(name)).exists())


def _allowed(policy: Mapping[str, Any]) -> list[str]:
    """The waivers of a policy, and that for ports, which no container has yet."""
    return list(dict.fromkeys([*policy.get("allow", ()), HOST_PORT]))


def _plain_environment(live: Release) -> str:
    return LEFT + environment_text(live.environment).partition("\n")[2]


def _systemctl(*words: str) -> None:
    """Units that are not there are none to stop."""
    if len(words) > 2:
        run(["systemctl", *words], check=False)
