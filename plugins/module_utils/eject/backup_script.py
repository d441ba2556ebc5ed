# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups without the engine: a script of bash with restic, and a timer of its own.

What it writes is restored by `restic restore` and the tools of the databases. It proves nothing and keeps no WAL: that is lost, and said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..backup.restic_access import SSH
from ..contracts.backup_settings import BackupSettings, Target, Volume
from ..nginx.site_file import LEFT

TAG = "ejected"  # snapshots of the engine keep their own tags: `forget` here removes none of them
WORK = Path("/var/backups")


def script(settings: BackupSettings, moved: Mapping[Path, Path], known_hosts: Path) -> str:
    """The script, for root alone: an address may hold a password.

    :param moved: files of the secret store to where they are from now on, absolute.
    """
    work = WORK / settings.stack
    lines = [
        "#!/bin/bash",
        LEFT.rstrip(),
        f"# Dumps the databases of {settings.stack} and brings them, its volumes and folders to every target.",
        f"# Run by {settings.stack}-backup.timer. Each target is a shell of its own, with its own variables:",
        "# shellcheck disable=SC2030,SC2031",
        "set -euo pipefail",
        "umask 077",
        f"cd {_q(settings.directory)}",
        f"work={_q(work)}",
        'mkdir -p "$work"',
        'paths=("$work")',
        "failed=0",
        *_databases(settings, moved),
        *(line for volume in settings.volumes for line in _volume(settings.stack, volume)),
        *(f"paths+=({_q(path)})" for path in settings.paths),
        *(line for target in settings.targets for line in _target(settings, target, moved, known_hosts)),
        *(f"to_{_name(target)} || {{ echo {_q(f'{target.name}: the backup failed')} >&2; failed=1; }}" for target in settings.targets),
        'exit "$failed"',
    ]
    return "\n".join([*lines, ""])


def _databases(settings: BackupSettings, moved: Mapping[Path, Path]) -> Iterator[str]:
    """Dumps; a file is replaced only by a complete one."""
    for cluster in settings.clusters:
        run = f"docker compose exec -T {_q(cluster.service)}"
        yield f'{run} pg_dumpall --username={_q(cluster.admin)} --globals-only >"$work/{cluster.service}.globals.sql.new"'
        yield f'mv "$work/{cluster.service}.globals.sql.new" "$work/{cluster.service}.globals.sql"'
        for database in cluster.databases:
            file = f"$work/{cluster.service}.{database}.dump"
            yield f'{run} pg_dump --username={_q(cluster.admin)} --format=custom {_q(database)} >"{file}.new"'
            yield f'mv "{file}.new" "{file}"'
    for cache in settings.caches:
        file = f"$work/{cache.service}.rdb"
        environment = ""
        if cache.password_file:
            yield f"REDISCLI_AUTH=$(cat {_q(_place(cache.password_file, moved))})"
            yield "export REDISCLI_AUTH"
            environment = "--env REDISCLI_AUTH "
        yield f'docker compose exec -T {environment}{_q(cache.service)} redis-cli --rdb - >"{file}.new"'
        yield f'mv "{file}.new" "{file}"'


def _volume(stack: str, volume: Volume) -> Iterator[str]:
    """A volume in place, or a copy of it that was made while its services stood still."""
    inside = f"docker compose exec -T {_q(volume.services[0])}"
    yield from (f"{inside} {shlex.join(command)}" for command in volume.before)
    yield f"folder=$(docker volume inspect --format '{{{{.Mountpoint}}}}' {_q(f'{stack}_{volume.name}')})"
    if volume.mode == "paused":
        services = " ".join(map(_q, volume.services))
        yield f"trap 'docker compose unpause {services}' EXIT"
        yield f"docker compose pause {services}"
        yield f'rm -rf "$work/{volume.name}" && cp -a --reflink=auto "$folder" "$work/{volume.name}"'
        yield f"docker compose unpause {services}"
        yield "trap - EXIT"
    else:
        yield 'paths+=("$folder")'
    yield from (f"{inside} {shlex.join(command)}" for command in volume.after)


def _target(settings: BackupSettings, target: Target, moved: Mapping[Path, Path], known_hosts: Path) -> Iterator[str]:
    """A function that brings everything to one repository."""
    options = [f"--cacert={_place(target.ca_file, moved)}"] if target.ca_file else []
    options += [f"--limit-upload={target.upload_limit}"] if target.upload_limit else []
    if target.repository.startswith("sftp:"):
        ssh = [*SSH, "-o", f"UserKnownHostsFile={known_hosts}"]
        ssh += ["-o", "IdentitiesOnly=yes", "-i", _place(target.ssh_key_file, moved)] if target.ssh_key_file else []
        options += ["-o", f"sftp.args={shlex.join(ssh)}"]
    restic = shlex.join(["restic", "--retry-lock=5m", *options])
    excluded = shlex.join([f"--exclude={pattern}" for volume in settings.volumes for pattern in volume.exclude])
    yield f"to_{_name(target)}() ("
    yield f"    export RESTIC_REPOSITORY={_q(target.repository)}"
    yield f"    export RESTIC_PASSWORD_FILE={_q(_place(target.key_file, moved))}"
    yield "    export RESTIC_CACHE_DIR=/var/cache/restic"
    for variable, file in target.environment.items():
        yield f"    {variable}=$(cat {_q(_place(file, moved))})"
        yield f"    export {variable}"
    # `||` at the call switches `set -e` off in here.
    yield f'    {restic} backup --tag={TAG} {excluded + " " if excluded else ""}"${{paths[@]}}" || exit 1'
    if not target.append_only:
        keep = [f"--keep-{period}={count}" for period, count in settings.retention.items() if count]
        yield f"    {restic} forget --tag={TAG} --prune {shlex.join(keep)} || exit 1"
    yield ")"


def service(stack: str, file: Path) -> str:
    """The unit that runs the script (systemd.service(5))."""
    return f"""{LEFT}[Unit]
Description=Backup of {stack}
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart={file}
TimeoutStartSec=infinity
Nice=10
IOSchedulingClass=best-effort
IOSchedulingPriority=7
UMask=0077
"""


def timer(settings: BackupSettings) -> str:
    """When it runs (systemd.timer(5))."""
    return f"""{LEFT}[Unit]
Description=When {settings.stack} is backed up

[Timer]
OnCalendar={settings.schedule}
RandomizedDelaySec={int(settings.jitter)}
Persistent=yes

[Install]
WantedBy=timers.target
"""


def secrets_of(settings: BackupSettings) -> list[Path]:
    """The files of the secret store that the script reads."""
    files: Sequence[str] = [
        *(cache.password_file for cache in settings.caches),
        *(file for target in settings.targets for file in (target.key_file, target.ssh_key_file, *target.environment.values())),
    ]
    return [Path(file) for file in dict.fromkeys(files) if file]


def _place(file: str, moved: Mapping[Path, Path]) -> str:
    return str(moved.get(Path(file), Path(file)))


def _name(target: Target) -> str:
    return "".join(character if character.isalnum() else "_" for character in target.name)


def _q(text: object) -> str:
    return shlex.quote(str(text))
