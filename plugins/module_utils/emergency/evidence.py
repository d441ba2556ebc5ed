# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of a break-in, collected before anything is changed: one archive with a SHA-256 of each file in it, for root alone.

What is most fleeting comes first (RFC 3227, 2.1): processes and connections, then logins, containers, logs, files. Everything that is
text passes the masker; of files with secrets only their hashes are taken. A part that cannot be collected says so in its place.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..containers.client import Engine
from ..core.atomic_files import private
from ..core.masking import mask
from ..core.process import CommandError, run
from ..release.stacks import stacks

FOLDER = Path("/var/lib/latentum-ops/evidence")
LOG_LINES = "20000"
CONTAINER_LINES = 2000
LARGEST_HASHED = 200 * 1024 * 1024  # bytes of a file whose hash is taken
LONGEST = 120.0  # seconds for one command
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - looked at, never written to
WRITTEN = ("/etc", "/usr", "/opt", "/root", *TEMPORARY)
# Of each command: the name of its file, its argv. In the order in which they are collected.
COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("processes.txt", ("ps", "-eo", "pid,ppid,user,lstart,etime,stat,cgroup:60,args", "--forest", "-ww")),
    ("connections.txt", ("ss", "-tunapH")),
    ("sockets_unix.txt", ("ss", "-xapH")),
    ("conntrack.txt", ("conntrack", "-L")),
    ("arp.txt", ("ip", "neigh")),
    ("addresses.txt", ("ip", "address")),
    ("routes.txt", ("ip", "route", "show", "table", "all")),
    ("packet_filter_4.txt", ("iptables-save",)),
    ("packet_filter_6.txt", ("ip6tables-save",)),
    ("logged_in.txt", ("who", "-a")),
    ("logins.txt", ("last", "-Fwn", "500")),
    ("failed_logins.txt", ("lastb", "-Fwn", "500")),
    ("sessions.txt", ("loginctl", "list-sessions", "--no-pager")),
    ("kernel_modules.txt", ("lsmod",)),
    ("mounts.txt", ("findmnt", "--real", "--noheadings")),
    ("units.txt", ("systemctl", "list-units", "--all", "--no-pager", "--plain")),
    ("timers.txt", ("systemctl", "list-timers", "--all", "--no-pager")),
    ("containers.txt", ("docker", "ps", "--all", "--no-trunc", "--size")),
    ("images.txt", ("docker", "images", "--all", "--digests", "--no-trunc")),
    ("journal.txt", ("journalctl", "--no-pager", "--output=short-iso", "--lines", LOG_LINES)),
    ("journal_ssh.txt", ("journalctl", "--no-pager", "--output=short-iso", "--lines", LOG_LINES, "-u", "ssh", "-u", "sshd")),
    ("journal_opsctl.txt", ("journalctl", "--no-pager", "--output=verbose", "--lines", LOG_LINES, "-t", "opsctl")),
    ("packages_changed.txt", ("dpkg", "--verify")),
    ("setuid.txt", ("find", "/", "-xdev", "-perm", "/6000", "-type", "f", "-printf", "%m %u %g %TY-%Tm-%Td %TH:%TM %p\n")),
    ("written_lately.txt", ("find", *WRITTEN, "-xdev", "-mtime", "-7", "-type", "f", "-printf", "%TY-%Tm-%Td %TH:%TM %u %m %s %p\n")),
)  # fmt: skip
# Of logs on disk the end, masked.
LOGS = ("/var/log/auth.log", "/var/log/syslog", "/var/log/nginx/access.log", "/var/log/nginx/error.log", "/var/log/fail2ban.log")
LOG_BYTES = 5 * 1024 * 1024
# Text that says what starts by itself, masked.
STARTING = ("/etc/crontab", "/etc/cron.d", "/etc/cron.daily", "/etc/cron.hourly", "/var/spool/cron", "/etc/rc.local", "/etc/ld.so.preload")
HASHED = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local",
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/etc/ssh",
    "/etc/sudoers.d",
    "/etc/pam.d",
)


@dataclass
class Archive:
    """What was collected.

    :param files: name in the archive to its content.
    :param gaps: what could not be collected, and why.
    """

    root: Path = Path("/")
    files: dict[str, bytes] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def text(self, name: str, text: str) -> None:
        """Text of others, without secrets."""
        self.files[name] = mask(text).encode(errors="replace")

    def part(self, name: str, collect: Callable[[], str]) -> None:
        """One part; why it could not be collected stands in its place."""
        try:
            self.text(name, collect())
        except (CommandError, OSError, ValueError, KeyError) as error:
            self.gaps.append(f"{name}: {error}")
            self.text(name, f"could not be collected: {error}\n")


def collect(tell: Callable[[str], None], root: Path = Path("/"), commands: Sequence[tuple[str, tuple[str, ...]]] = COMMANDS) -> Archive:
    """Collect everything.

    :param root: where the files of the host are.
    """
    archive = Archive(root)
    archive.part("programs.txt", lambda: "".join(_programs()))
    for name, argv in commands:
        archive.part(name, lambda argv=argv: _output(argv))  # type: ignore[misc]
    tell(f"{len(archive.files)} looks at processes, connections, logins and the packet filter")
    _of_containers(archive, tell)
    for log in LOGS:
        if (path := root / log.lstrip("/")).exists():
            archive.part(f"logs/{path.name}", lambda path=path: _end_of(path))  # type: ignore[misc]
    for place in STARTING:
        for path in _files(root / place.lstrip("/")):
            archive.part(f"starting/{_named(path, root)}", lambda path=path: path.read_text(errors="replace"))  # type: ignore[misc]
    archive.part("authorized_keys.txt", lambda: "".join(_keys(root)))
    archive.part("accounts.txt", lambda: (root / "etc/passwd").read_text() + (root / "etc/group").read_text())
    tell("hashes of programs, units and Compose files")
    archive.part("sha256.txt", lambda: "".join(_hashes(root, [*HASHED, *_directories()])))
    archive.text("gaps.txt", "".join(f"{gap}\n" for gap in archive.gaps))
    return archive


def write(archive: Archive, about: str, folder: Path | None = None) -> tuple[Path, str]:
    """The archive on disk, readable for root alone, and its SHA-256. `MANIFEST.sha256` in it has that of each file (sha256sum -c)."""
    place = FOLDER if folder is None else folder
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.chmod(0o700)
    name = f"evidence-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    files = {"ABOUT.txt": about.encode(), **archive.files}
    manifest = "".join(f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, content in files.items())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file, content in {**files, "MANIFEST.sha256": manifest.encode()}.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
            tar.addfile(member, io.BytesIO(content))
    data = gzip.compress(packed.getvalue(), mtime=0)
    path = place / f"{name}.tar.gz"
    with private(path) as file_:
        file_.write(data)
        file_.flush()
        os.fsync(file_.fileno())
    return path, hashlib.sha256(data).hexdigest()


def _output(argv: Sequence[str]) -> str:
    done = run(argv, timeout=LONGEST, check=False)
    return f"$ {' '.join(argv)}\n{done.stdout}" + (f"exit status {done.rc}: {done.stderr}" if done.rc else "")


def _programs(proc: Path = Path("/proc")) -> Iterator[str]:
    """The program of each process: one that was removed since it was started, or lies in a temporary folder, is what one looks for."""
    for folder in sorted((path for path in proc.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)):
        try:
            program, working = (folder / "exe").readlink(), (folder / "cwd").readlink()
        except OSError:
            continue
        gone = " !! removed" if str(program).endswith(" (deleted)") else ""
        odd = " !! temporary folder" if str(program).startswith(tuple(f"{place}/" for place in TEMPORARY)) else ""
        yield f"{folder.name} {program} cwd={working}{gone}{odd}\n"


def _of_containers(archive: Archive, tell: Callable[[str], None]) -> None:
    """What each container is, what was changed in it, and what it wrote. Their environment, which may be secret, is left out."""
    try:
        engine = Engine()
        known = engine.api.containers(all=True)
    except Exception as error:
        archive.gaps.append(f"containers: {error}")
        return
    for brief in known:
        identity = str(brief["Id"])
        name = str((brief.get("Names") or [identity])[0]).lstrip("/")
        archive.part(f"containers/{name}/inspect.json", lambda identity=identity: _inspected(engine, identity))  # type: ignore[misc]
        archive.part(f"containers/{name}/diff.txt", lambda identity=identity: _output(("docker", "diff", identity)))  # type: ignore[misc]
        argv = ("docker", "logs", "--timestamps", "--tail", str(CONTAINER_LINES), identity)
        archive.part(f"containers/{name}/log.txt", lambda argv=argv: _both(argv))  # type: ignore[misc]
    tell(f"{len(known)} containers: what they are, what was changed in them, what they wrote")


def _inspected(engine: Engine, identity: str) -> str:
    import json

    raw = engine.api.inspect_container(identity)
    raw.get("Config", {}).pop("Env", None)
    return json.dumps(raw, indent=1)


def _both(argv: Sequence[str]) -> str:
    done = run(argv, timeout=LONGEST, check=False)
    return done.stdout + done.stderr


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode(errors="replace")


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        yield from sorted(path for path in place.rglob("*") if path.is_file() and not path.is_symlink())


def _named(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _keys(root: Path) -> Iterator[str]:
    """The fingerprint of every key that opens an account."""
    homes = [root / "root", *sorted((root / "home").glob("*"))]
    for file in [
        *(home / ".ssh" / name for home in homes for name in ("authorized_keys", "authorized_keys2")),
        *_files(root / "etc/ssh/authorized_keys.d"),
    ]:
        if file.is_file():
            done = run(["ssh-keygen", "-lf", str(file)], check=False, timeout=20)
            changed = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(file.stat().st_mtime))
            yield f"{file} (changed {changed} UTC)\n{done.stdout or done.stderr}"


def _directories() -> Iterator[str]:
    for stack in stacks():
        yield str(stack.get("directory") or f"/opt/{stack['name']}")


def _hashes(root: Path, places: Iterable[str]) -> Iterator[str]:
    """As sha256sum writes them. Hashes say whether a file was changed without showing what is in it."""
    for place in places:
        for path in _files(root / place.lstrip("/")):
            try:
                if path.stat().st_size > LARGEST_HASHED:
                    yield f"# too large: {path}\n"
                    continue
                digest = hashlib.sha256()
                with path.open("rb") as file:
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
            except OSError as error:
                yield f"# {path}: {error.strerror}\n"
                continue
            yield f"{digest.hexdigest()}  {path}\n"
