# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron jobs and timers of the administrator that touch what roles of this collection look after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...core.masking import mask
from ..host import SurveyedHost

SYSTEM_TABLES = ("/etc/crontab", "/etc/anacrontab")
FOLDERS = ("hourly", "daily", "weekly", "monthly")
SPOOL = "/var/spool/cron/crontabs"
UNITS = "/etc/systemd/system"
LONGEST = 400  # characters of a command that are shown
_BACKUP = r"backups?|pg_dump(?:all)?|pg_basebackup|mysqldump|mariadb-dump|mongodump|restic|borg(?:matic)?|rclone|duplicity|rsnapshot|rsync"
# What a command touches, by words in it.
TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("docker", re.compile(r"\bdocker(?:-compose)?\b|/var/lib/docker\b|\bwatchtower\b")),
    ("nginx", re.compile(r"\bnginx\b|\bapache2?(?:ctl)?\b|\bcaddy\b|\bhaproxy\b")),
    ("certificates", re.compile(r"\bcertbot\b|\bletsencrypt\b|\bacme(?:\.sh)?\b|\bdehydrated\b|\blego\b")),
    ("backup", re.compile(rf"\b(?:{_BACKUP})\b", re.IGNORECASE)),
    ("firewall", re.compile(r"\bufw\b|\bip6?tables(?:-restore)?\b|\bnft\b|\bfail2ban-client\b")),
    ("logs", re.compile(r"\blogrotate\b|/var/log\b|\bjournalctl\b.*--vacuum")),
    ("restart", re.compile(r"\breboot\b|\bshutdown\b|\bsystemctl\s+(?:\S+\s+)*(?:restart|stop)\b|\bservice\s+\S+\s+(?:restart|stop)\b")),
)  # fmt: skip
# Of the packages, and of this collection.
PACKAGED = {
    "0anacron", "apache2", "apport", "apt-compat", "aptitude", "bsdmainutils", "certbot", "cracklib-runtime", "dpkg",
    "e2scrub_all", "exim4-base",
    "fstrim", "locate", "logrotate", "man-db", "mdadm", "mlocate", "ntpsec", "passwd", "php", "plocate",
    "popularity-contest", "samba", "sysstat",
    "update-notifier-common", "zfsutils-linux",
}  # fmt: skip
_ASSIGNMENT = re.compile(r"^\s*[A-Za-z_]\w*\s*=")
_SYSTEM_LINE = re.compile(r"^\s*(@\w+|(?:\S+\s+){5})\s*(\S+)\s+(.+)$")
_USER_LINE = re.compile(r"^\s*(@\w+|(?:\S+\s+){5})\s*(.+)$")


@dataclass(frozen=True)
class Job:
    """Something that is run at times.

    :param command: without secrets.
    :param topics: what it touches, of `TOPICS`; empty for nothing that concerns roles.
    :param paths: absolute paths in the command.
    """

    source: str
    line: int
    schedule: str
    user: str
    command: str
    topics: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def jobs(host: SurveyedHost) -> list[Job]:
    """Tables of the system and of users, scripts by the hour, day, week and month, and timers of the administrator."""
    return [*_tables(host), *_scripts(host), *_timers(host)]


def _job(source: str, line: int, schedule: str, user: str, command: str) -> Job:
    topics = tuple(topic for topic, pattern in TOPICS if pattern.search(command))
    paths = tuple(dict.fromkeys(re.findall(r"(?<![\w.:/@-])/[\w@%+.,/-]+", command)))
    hidden = mask(" ".join(command.split()))
    shown = hidden if len(hidden) <= LONGEST else hidden[: LONGEST - 1] + "…"
    return Job(source, line, " ".join(schedule.split()), user, shown, topics, paths)


def _tables(host: SurveyedHost) -> Iterator[Job]:
    system = [*SYSTEM_TABLES[:1], *(f"/etc/cron.d/{name}" for name in host.names("/etc/cron.d") if name not in PACKAGED)]
    for path in system:
        for number, line in _lines(host.read(path) or ""):
            if (match := _SYSTEM_LINE.match(line)) and "run-parts" not in line:
                yield _job(path, number, match[1], match[2], match[3])
    for user in host.names(SPOOL):
        for number, line in _lines(host.read(f"{SPOOL}/{user}") or ""):
            if match := _USER_LINE.match(line):
                yield _job(f"{SPOOL}/{user}", number, match[1], user, match[2])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#") and not _ASSIGNMENT.match(line):
            yield number, line


def _scripts(host: SurveyedHost) -> Iterator[Job]:
    """Scripts of others in the folders of run-parts, judged by what they say."""
    for period in FOLDERS:
        for name in host.names(f"/etc/cron.{period}"):
            path = f"/etc/cron.{period}/{name}"
            if name in PACKAGED or name.startswith("."):
                continue
            text = host.read(path) or ""
            body = " ; ".join(line.strip() for _number, line in _lines(text))
            yield _job(path, 0, period, "root", body)


def _timers(host: SurveyedHost) -> Iterator[Job]:
    """Timers in the administrator's folder; those of packages lie below /usr/lib."""
    for path in host.files(UNITS, "*.timer"):
        name = path.name
        if name.startswith(("latentum-ops", "snap.")):
            continue
        timer = host.read(path) or ""
        named = re.search(r"^\s*Unit=(\S+)", timer, re.MULTILINE)
        service = host.read(f"{UNITS}/{named[1] if named else name.removesuffix('.timer') + '.service'}") or ""
        schedule = " ".join(re.findall(r"^\s*On\w+=(.+)$", timer, re.MULTILINE))
        user = re.search(r"^\s*User=(\S+)", service, re.MULTILINE)
        commands = re.findall(r"^\s*Exec\w+=[-@:+!]*(.+)$", service.replace("\\\n", " "), re.MULTILINE)
        yield _job(str(path), 0, schedule, user[1] if user else "root", " ; ".join(commands))


def within(path: str, folders: Sequence[str]) -> bool:
    """A path lies in one of these folders, or is one."""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)
