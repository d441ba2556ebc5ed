# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever has taken the watchdog over: with exactly its rights, ways to root and to secrets are tried, and none may lead there.

A process gets the settings of the daemon's own unit from systemd (user, groups, capabilities, namespaces, filters of system calls), and
tries one way after the other, each in a process of its own. Ways through Docker's engine are those of test_docker_rights.py.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conftest import HOST, Watched, wait_for

UNIT = "latentum-ops-watchdog.service"
MARK = "latentum-rights-probe"  # in the name of all that is written
FOLDER = "/usr/local/lib/latentum-rights-probe"
# What a unit says about how its own process is started and kept, and not about what that may do.
OTHER = ("Type", "NotifyAccess", "ExecStart", "ExecStartPre", "ExecReload", "Restart", "RestartSec", "WatchdogSec", "TimeoutStopSec")


@dataclass(frozen=True)
class Way:
    """One way.

    :param script: Python; it has worked when it ends without an exception.
    :param proof: a line of shell that root runs afterwards; it has worked only where that succeeds as well.
    """

    name: str
    script: str
    proof: str = ""


def reading(name: str, pattern: str) -> Way:
    """A file that is there for root; the way is one only where root finds such a file."""
    return Way(f"read {name}", f"read({pattern!r})")


def writing(name: str, path: str) -> Way:
    """A new file."""
    return Way(f"write {name}", f"write({path!r})")


def changing(name: str, pattern: str) -> Way:
    """A file that is there."""
    return Way(f"change {name}", f"change({pattern!r})")


SECRETS = (
    reading("the passwords of the host", "/etc/shadow"),
    reading("masters of the secret store", "/etc/latentum-ops/secrets/latentum/*"),
    reading("copies of secrets for containers", "/etc/latentum-ops/secrets/latentum/**/*"),
    reading("the key of a certificate", "/etc/latentum-ops/tls/**/privkey.pem"),
    reading("the host keys of SSH", "/etc/ssh/ssh_host_*_key"),
    reading("the environment of a release", "/var/lib/latentum-ops/stacks/*/releases/*/environment"),
    reading("the Compose file of a release", "/var/lib/latentum-ops/stacks/*/releases/*/compose.yaml"),
    reading("the environment of an application", "/opt/*/.env"),
    reading("passwords of exporters", f"/run/latentum-ops-databases/{MARK}"),
    reading("the password of the backups' repository", f"/etc/latentum-ops/secrets/latentum/{MARK}"),
    reading("staged backups and WAL", f"/var/lib/latentum-ops/backups/{MARK}/staging/base.tar"),
    reading("the journal of every unit", "/*/log/journal/*/system.journal"),
    Way(
        "ask journald for what root's units say",
        "import subprocess as s; assert s.run(['journalctl', '-qn1', '_UID=0'], capture_output=True).stdout",
    ),
    Way("environment of a process of root", "assert open(f'/proc/{pid(\"dockerd\")}/environ', 'rb').read(1)"),
    Way("memory of a process of root", "open(f'/proc/{pid(\"dockerd\")}/mem', 'rb+')"),
)
WRITING = (
    writing("a unit", f"/etc/systemd/system/{MARK}.service"),
    writing("a unit for this boot", f"/run/systemd/system/{MARK}.service"),
    Way(
        "write a drop-in of a unit",
        f"import os; os.makedirs('/run/systemd/system/nginx.service.d'); write('/run/systemd/system/nginx.service.d/{MARK}.conf')",
    ),
    writing("a table of cron", f"/etc/cron.d/{MARK}"),
    writing("rules of sudo", f"/etc/sudoers.d/{MARK}"),
    writing("settings of the kernel", f"/etc/sysctl.d/{MARK}.conf"),
    Way(
        "write settings of the kernel for this boot",
        f"import os; os.makedirs('/run/sysctl.d', exist_ok=True); write('/run/sysctl.d/{MARK}.conf')",
    ),
    Way(
        "write rules of tmpfiles for this boot",
        f"import os; os.makedirs('/run/tmpfiles.d', exist_ok=True); write('/run/tmpfiles.d/{MARK}.conf')",
    ),
    Way("write rules of devices", f"import os; os.makedirs('/run/udev/rules.d', exist_ok=True); write('/run/udev/rules.d/{MARK}.rules')"),
    writing("an upstream of nginx", f"/etc/nginx/upstreams.d/{MARK}.stream"),
    changing("an upstream of nginx", "/etc/nginx/upstreams.d/*.conf"),
    writing("a site of nginx", f"/etc/nginx/sites.d/{MARK}.off"),
    Way("let nginx's master write over a link among its logs", f"import os; os.symlink('/etc/cron.d/{MARK}', '/var/log/nginx/{MARK}.log')"),
    writing("what upstreams are declared", f"/etc/latentum-ops/upstreams/{MARK}.off"),
    changing("which release is live", "/var/lib/latentum-ops/stacks/*/live.json"),
    changing("the Compose file of a release", "/var/lib/latentum-ops/stacks/*/releases/*/compose.yaml"),
    changing("who gets traffic in a rollout", "/var/lib/latentum-ops/stacks/*/journal.jsonl"),
    writing("a release", f"/var/lib/latentum-ops/stacks/latentum/{MARK}"),
    changing("the Compose file of an application", "/opt/*/compose.yaml"),
    changing("the engine", "/usr/lib/latentum-ops/**/*.py"),
    writing("into the engine", f"/usr/lib/latentum-ops/{MARK}.py"),
    changing("opsctl", "/usr/local/sbin/opsctl"),
    changing("what is watched", "/etc/latentum-ops/watchdog/*.json"),
    writing("where databases are, to whom exporters give passwords", "/run/latentum-ops-database-places.json"),
    writing("a link where root's lock is to be", f"/run/latentum-ops/{MARK}.lock"),
    Way(
        "replace the lock of a stack",
        f"import os; lock = '/run/latentum-ops/latentum.lock'; os.rename(lock, lock + '.{MARK}'); os.rename(lock + '.{MARK}', lock)",
    ),
    writing("into /run", f"/run/{MARK}"),
    writing("beside its own state", f"/var/lib/latentum-ops/{MARK}"),
)
RIGHTS = (
    Way("signal nginx", "import os; os.kill(pid('nginx'), 0)"),
    Way("signal sshd", "import os; os.kill(pid('sshd'), 0)"),
    Way("signal the engine of Docker", "import os; os.kill(pid('dockerd'), 0)"),
    Way("trace a process of root", "assert libc.ptrace(16, pid('nginx'), 0, 0) == 0"),
    Way("give a file of its own to root", f"import os; own('{MARK}'); os.chown(STATE + '/{MARK}', 0, 0)"),
    Way("take a file of root", "import os; os.chown('/etc/hostname', os.getuid(), -1)"),
    Way("change the mode of a file of root", "import os; os.chmod('/etc/hostname', 0o644)"),
    Way(
        "a program that runs as root", f"import os; own('{MARK}'); os.chown(STATE + '/{MARK}', 0, -1); os.chmod(STATE + '/{MARK}', 0o4755)"
    ),
    Way("become root", "import os; os.setuid(0)"),
    Way("become another group", "import os; os.setgid(0)"),
    Way("raw sockets", "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    Way("packets of the network", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)"),
    Way("mount", "assert libc.mount(b'none', b'/mnt', b'tmpfs', 0, None) == 0"),
    Way("a namespace of users of its own", "assert libc.unshare(0x10000000) == 0"),
    Way("a device", f"import os, stat; os.mknod(STATE + '/{MARK}.dev', stat.S_IFBLK | 0o600, os.makedev(259, 0))"),
    Way(
        "a capability that is kept",
        "assert [line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapBnd')) and int(line.split()[1], 16)]",
    ),
    Way("the socket of containerd", "import socket; socket.socket(socket.AF_UNIX).connect('/run/containerd/containerd.sock')"),
    Way("sudo", "import subprocess as s; assert s.run(['sudo', '-n', 'true'], capture_output=True).returncode == 0"),
    Way(
        "ask systemd for a unit",
        f"import subprocess as s; s.run(['systemd-run', '--no-ask-password', '--unit={MARK}', 'true'], capture_output=True, check=True)",
    ),
    Way(
        "ask systemd to reload sshd",
        "import subprocess as s; s.run(['systemctl', '--no-ask-password', 'reload', 'ssh.service'], capture_output=True, check=True)",
    ),
)
ASKING = (
    Way(
        "a request as a file, for a rollback that nobody declared",
        "request('rollback.json', {'stack': 'latentum', 'service': 'api-gateway', 'remedy': 'rollback'})",
        "journalctl -q -u latentum-ops-steward --since '-20 s' | grep -q 'rollback of latentum/api-gateway: rolled back'",
    ),
    Way(
        "a request for containers of a service of which none is missing",
        "request('replace.json', {'stack': 'latentum', 'service': 'api-gateway', 'remedy': 'replace'})",
        "journalctl -q -u latentum-ops-steward --since '-20 s' | grep -q 'replace of latentum/api-gateway: brought'",
    ),
    Way(
        "a request whose answer goes through a link",
        f"""import os, shutil
shutil.rmtree(RUN + '/answers', ignore_errors=True); os.symlink('/etc/cron.d', RUN + '/answers')
request('{MARK}.json', {{'stack': 'latentum', 'service': 'api-gateway', 'remedy': 'replace'}})""",
        f"test -e /etc/cron.d/{MARK}.json",
    ),
    Way(
        "a request that is a link to a secret",
        "import os; os.makedirs(RUN + '/requests', exist_ok=True); os.symlink('/etc/shadow', RUN + '/requests/link.json')",
        "journalctl -q --since '-20 s' | grep -F \"$(head -n 1 /etc/shadow | cut -d: -f2)$\"",
    ),
    Way(
        "the gate: a remedy of a service that is well",
        "assert gate({'remedy': {'stack': 'latentum', 'service': 'api-gateway', 'remedy': 'replace'}})['ok']",
        "journalctl -q -u latentum-ops-steward --since '-20 s' | grep -q 'replace of latentum/api-gateway: brought'",
    ),
    Way(
        "the gate: a remedy that is not declared",
        "assert gate({'remedy': {'stack': 'latentum', 'service': 'api-gateway', 'remedy': 'rollback'}})['ok']",
    ),
    Way("the gate: a stack that is a path", "assert gate({'remedy': {'stack': '../../etc', 'service': 'x', 'remedy': 'replace'}})['ok']"),
    Way(
        "the gate: a service that nobody declared",
        "assert gate({'remedy': {'stack': 'latentum', 'service': 'nobody', 'remedy': 'replace'}})['ok']",
    ),
    Way(
        "the gate: lines of nginx in place of a container",
        "assert gate({'rotation': {'stack': 'latentum', 'out': {'x; } access_log /etc/cron.d/x': 'x'}}})['ok']",
    ),
    Way("the gate: an upstream as it is to be", f"assert gate({{'upstreams': {{'{MARK}': 'server 192.0.2.1:80;'}}}})['ok']"),
    Way(
        "the gate: a probe that nobody declared",
        "assert gate({'probe': {'stack': 'latentum', 'service': 'cache', 'probe': '../x', 'container': '0' * 64}})['ok']",
    ),
)
WAYS = (*SECRETS, *WRITING, *RIGHTS, *ASKING)

# What roles that this host does not have write, as they write it.
PLANTED = (
    f"/run/latentum-ops-databases/{MARK}",
    f"/etc/latentum-ops/secrets/latentum/{MARK}",
    f"/var/lib/latentum-ops/backups/{MARK}/staging/base.tar",
)

HEAD = '''
import ctypes, glob, json, os, pathlib, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)
STATE, RUN = "/var/lib/latentum-ops/watchdog", "/run/latentum-ops-watchdog"
FILES = json.load(open("FOLDER/files.json"))

def read(pattern):
    """Any of the files that root has found for it."""
    for path in FILES[pattern]:
        try:
            if open(path, "rb").read(1):
                return
        except OSError as error:
            last = error
    raise last

def change(pattern):
    for path in FILES[pattern]:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
            return
        except OSError as error:
            last = error
    raise last

def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))

def own(name):
    pathlib.Path(STATE, name).write_text("#!/bin/sh")

def pid(program):
    """The first process of root of this name."""
    for folder in sorted(pathlib.Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            if (folder / "comm").read_text().strip() == program and folder.stat().st_uid == 0:
                return int(folder.name)
        except OSError:
            pass
    raise LookupError(program)

def request(name, content):
    """As the daemon of before left it, in a folder of its own."""
    folder = pathlib.Path(RUN, "requests")
    folder.mkdir(exist_ok=True)
    (folder / f".{name}").write_text(json.dumps(content | {"at": time.time()}))
    (folder / f".{name}").rename(folder / name)

def gate(content):
    channel = socket.socket(socket.AF_UNIX)
    channel.settimeout(20)
    channel.connect("/run/latentum-ops-gate/socket")
    channel.sendall(json.dumps(content).encode() + b"\\n")
    return json.loads(channel.makefile().readline())

outcomes = {}
for name, script in json.load(open("FOLDER/ways.json")):
    reader, writer = os.pipe()
    if not os.fork():
        try:
            exec(script)
            os.write(writer, b"worked")
        except BaseException as error:
            os.write(writer, repr(error).encode()[:300])
        os._exit(0)
    os.close(writer)
    outcomes[name] = os.read(reader, 400).decode() or "was killed"
    os.wait()
print(json.dumps(outcomes))
'''.replace("FOLDER", FOLDER)


def settings(host: Watched) -> list[str]:
    """What the unit says its process may do, as arguments of systemd-run."""
    section, properties = "", []
    for line in host.sh(f"systemctl cat {UNIT}").splitlines():
        if line.startswith("["):
            section = line
        name, equals, value = line.partition("=")
        # systemd-run does not know that no family is an empty list; the line that adds to it gives the list.
        none = (name, value) == ("RestrictAddressFamilies", "none")
        if section == "[Service]" and equals and not none and not line.startswith(("#", ";")) and name not in OTHER:
            properties.append(f"--property={name}={value}")
    return properties


def put(path: str, content: str) -> None:
    subprocess.run(["docker", "exec", "-i", HOST, "sh", "-c", f"cat > {path}"], input=content, text=True, check=True)


def outcomes_of(host: Watched, ways: tuple[Way, ...]) -> dict[str, str]:
    """What became of each way: ``worked``, or what was in the way."""
    patterns = sorted(
        {word for way in ways for word in shlex.split(way.script.replace("(", " ").replace(")", " ")) if word.startswith("/")}
    )
    host.sh(f"mkdir -p {FOLDER}")
    # Root looks which files there are: a folder that cannot be listed keeps nobody from a name that he knows.
    finding = """import glob, json, os, sys
print(json.dumps({p: [f for f in glob.glob(p, recursive=True) if not os.path.isdir(f)][:200] for p in sys.argv[1:]}))"""
    put(f"{FOLDER}/files.json", host.sh(f"python3 -c {shlex.quote(finding)} {shlex.join(patterns)}"))
    put(f"{FOLDER}/ways.json", json.dumps([(way.name, way.script) for way in ways]))
    put(f"{FOLDER}/try.py", HEAD)
    script = shlex.join(
        ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", *settings(host), "/usr/bin/python3", f"{FOLDER}/try.py"]
    )
    tried: dict[str, str] = json.loads(host.sh(script).splitlines()[-1])
    for way in ways:
        if tried[way.name] == "worked" and way.proof:
            try:
                wait_for(way.name, lambda proof=way.proof: host.sh(f"{proof} && echo yes", check=False), 12)
            except AssertionError:
                tried[way.name] = "nothing came of it"
    return tried


@pytest.fixture(scope="module")
def tried(host: Watched) -> Iterator[dict[str, str]]:
    """Each way, tried once."""
    host.sh(
        f"touch /run/latentum-ops/latentum.lock; umask 077; mkdir -p {' '.join(sorted({path.rpartition('/')[0] for path in PLANTED}))};"
        f" for file in {' '.join(PLANTED)}; do echo hush > $file; done"
    )
    yield outcomes_of(host, WAYS)
    host.sh("rm -rf /run/systemd/system/nginx.service.d")
    host.sh(f"find /etc /var /usr /opt -xdev -name '*{MARK}*' -exec rm -rf {{}} +; find /run -xdev -name '*{MARK}*' -exec rm -rf {{}} +")
    host.sh("rm -rf /run/latentum-ops-watchdog/answers /run/latentum-ops-watchdog/requests; systemctl daemon-reload")


@pytest.mark.parametrize("way", [way.name for way in WAYS])
def test_it_does_not_lead_to_root(tried: dict[str, str], way: str) -> None:
    assert tried[way] != "worked"


def test_each_file_that_was_tried_is_there(host: Watched, tried: dict[str, str]) -> None:
    """A file that nobody has cannot be read by anybody: that proves nothing."""
    assert [
        name for name, outcome in tried.items() if "NameError" in outcome or "UnboundLocalError" in outcome or "LookupError" in outcome
    ] == []
