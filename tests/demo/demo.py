# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo: a bare throw-away host becomes the production of inventories/demo, and answers over verified TLS.

`demo.py up` again finds the host as it left it and changes nothing; `demo.py down` removes it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import locale
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hosts"))

import build
import engine
import host
import network
import rootfs
import services
from cache import PATHS
from engine import LABEL, HostsError, docker

ROOT = Path(__file__).resolve().parents[2]
NAME = "latentum-demo"
PLATFORM = "trixie"
DOMAIN = "latentum.example.test"
PUBLISHED = {8443: 443, 8080: 80}
STATE = ROOT / ".demo"
PLAYBOOK = ["ansible-playbook", "playbooks/site.yml", "-i", "inventories/demo"]
ANSWER_SECONDS = 90.0
BACKUP_SECONDS = 240.0
# What the host knows of its backups; the role begins the first one in the background.
BACKUPS = "/var/lib/latentum-ops/backups/latentum.json"


STEPS = 7


class DemoError(Exception):
    """What went wrong and what to do, for the person at the terminal."""


@dataclass(frozen=True)
class Answer:
    """What the application said over TLS, and by which CA that was verified."""

    protocol: str
    body: dict[str, object]
    authority: str


def step(number: int, title: str, action: Callable[[], str]) -> None:
    """One visible step: its title before, its result and time after."""
    print(f"\n[{number}/{STEPS}] {title}", flush=True)
    started = time.monotonic()
    result = action()
    print(f"      {result} ({time.monotonic() - started:.1f} s)", flush=True)


def ensure_services() -> str:
    engine.ensure(PATHS["engine-log"])
    services.ensure()
    STATE.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(PATHS["ca"], STATE / "services-ca.pem")
    # Who can open the keys of the backups: in a production, people outside of all hosts.
    (STATE / "age-recipient").write_text(json.loads(PATHS["targets"].read_text())["escrow"]["recipient"])
    return "a container engine, an ACME server, an image registry, a mail server"


def ensure_images() -> str:
    built, pushed = build.ensure()
    return f"the sample application is in the registry; {built} images built, {pushed} pushed"


def occupied(ports: dict[int, int]) -> list[int]:
    """Which of these loopback ports somebody else listens on."""
    taken = []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                taken.append(port)
    return taken


def refuse_taken_ports() -> None:
    """A port of the demo that is taken is the one thing that it cannot go around."""
    taken = occupied(PUBLISHED)
    if not taken:
        return
    shown = docker("ps", "--format", "{{.Names}} {{.Ports}}").stdout.splitlines()
    users = {line.split()[0] for line in shown for port in taken if f":{port}->" in line}
    who = f" (by the container {', '.join(sorted(users))})" if users else ""
    ports = " and ".join(f"127.0.0.1:{port}" for port in taken)
    raise DemoError(f"{ports} is taken{who}: stop what listens there (`ss -ltnp` shows it), then run `make demo` again")


def state_of_host(image: str) -> str:
    """``fresh`` when there is none, or one of another recipe; otherwise ``running`` or ``stopped``."""
    found = docker("container", "inspect", NAME, check=False)
    if found.returncode != 0:
        return "fresh"
    shown = json.loads(found.stdout)[0]
    published = {int(one["HostPort"]) for ones in shown["HostConfig"]["PortBindings"].values() for one in ones}
    if shown["Config"]["Image"] != image or not set(PUBLISHED) <= published:
        return "fresh"
    return "running" if shown["State"]["Running"] else "stopped"


def ensure_host() -> str:
    """The host of an earlier run, or a bare one."""
    image = rootfs.host_image(PLATFORM)
    state = state_of_host(image)
    if state == "fresh":
        host.remove(NAME)
        (STATE / "ca.pem").unlink(missing_ok=True)
    if state != "running":
        refuse_taken_ports()
    if state == "fresh":
        publish = [f"127.0.0.1:{outside}:{inside}" for outside, inside in PUBLISHED.items()]
        host.up(NAME, PLATFORM, [DOMAIN, f"www.{DOMAIN}"], publish)
    elif state == "stopped":
        docker("start", NAME)
        host.settle(NAME)
    write_ssh_config()
    words = {
        "fresh": f"a bare host ({PLATFORM})",
        "stopped": "the host of the last run, started again",
        "running": "the host of the last run",
    }
    return f"{NAME}: {words[state]}, reached over SSH on 127.0.0.1:{host.endpoint(NAME).port}"


def write_ssh_config() -> None:
    """How Ansible and people reach the host: `ssh -F .demo/ssh_config latentum-demo`."""
    variables = host.endpoint(NAME).variables()
    lines = [
        f"Host {NAME}",
        f"  HostName {variables['ansible_host']}",
        f"  Port {variables['ansible_port']}",
        f"  User {variables['ansible_user']}",
        f'  IdentityFile "{PATHS["key"]}"',
        f'  UserKnownHostsFile "{PATHS["known_hosts"]}"',
        "  IdentitiesOnly yes",
    ]
    target = STATE / "ssh_config"
    target.write_text("\n".join(lines) + "\n")
    target.chmod(0o600)


def environment() -> dict[str, str]:
    """What Ansible needs beside the caller's own environment."""
    found = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    found["PATH"] = f"{Path(sys.executable).parent}:{found.get('PATH', '')}"
    if locale.getpreferredencoding(False).upper().replace("-", "") != "UTF8":
        found["LC_ALL"] = "C.UTF-8"  # Ansible refuses others
    if sys.stdout.isatty():
        found["ANSIBLE_FORCE_COLOR"] = "1"
    return found


def recap(line: str) -> int | None:
    """The number of changes in a line of Ansible's closing table."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    found = re.match(rf"{NAME}\s+:.*\bchanged=(\d+)", plain)
    return int(found[1]) if found else None


def run_site() -> str:
    """The playbook, with its output as it comes."""
    changed: int | None = None
    with subprocess.Popen(PLAYBOOK, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"      {line}" if line.strip() else "", end="" if line.strip() else "\n", flush=True)
            changed = recap(line) if recap(line) is not None else changed
    if process.returncode != 0:
        raise DemoError(
            "the playbook failed: the lines above say where. Look around with `ssh -F .demo/ssh_config latentum-demo`,"
            " try again with `make demo`, or begin anew with `make demo-down demo`"
        )
    if changed is None:
        raise DemoError("the playbook ended without its closing table: nothing was done")
    return "changed=0: everything was as declared" if changed == 0 else f"changed={changed}"


def ask(authority: Path) -> tuple[str, dict[str, object]]:
    """One request over TLS, verified against this CA and the domain; the protocol and the answer."""
    context = ssl.create_default_context(cafile=str(authority))
    port = next(outside for outside, inside in PUBLISHED.items() if inside == 443)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as secured,
    ):
        connection = http.client.HTTPConnection(DOMAIN, timeout=10)
        connection.sock = secured
        connection.request("GET", "/", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise DemoError(f"{DOMAIN} answers {answer.status}: {body[:300].decode(errors='replace')}")
        return secured.version() or "", dict(json.loads(body))


def verified_answer(seconds: float = ANSWER_SECONDS) -> Answer:
    """Ask until the application answers by a certificate of the CA that signed it, which is then kept as .demo/ca.pem."""
    kept = STATE / "ca.pem"
    # The ACME server makes a new root at each start: the certificate may be of the one that the last run has kept.
    candidates = [one for one in (kept, PATHS["pebble-root"]) if one.exists()]
    end = time.monotonic() + seconds
    last: Exception = DemoError("the ACME server has no root certificate")
    while True:
        for authority in candidates:
            try:
                protocol, body = ask(authority)
            except (OSError, http.client.HTTPException, ValueError, DemoError) as error:
                last = error
                continue
            if authority != kept:
                shutil.copy(authority, kept)
            return Answer(protocol, body, authority.name)
        if time.monotonic() > end:
            raise DemoError(f"no verified answer within {seconds:.0f} s: {last}. Look with `ssh -F .demo/ssh_config {NAME}`")
        time.sleep(0.5)


def check_answer() -> str:
    answer = verified_answer()
    shown = ", ".join(f"{key} {answer.body.get(key)}" for key in ("service", "version", "database", "cache"))
    return f"https://{DOMAIN}/ over {answer.protocol}, certificate verified: {shown}"


def proven_backup(seconds: float = BACKUP_SECONDS) -> str:
    """Wait until a backup was made, restored beside the production, and questioned."""
    end = time.monotonic() + seconds
    while True:
        state = json.loads(docker("exec", NAME, "cat", BACKUPS, check=False).stdout or "{}")
        made, proof = state.get("backup", {}), state.get("verify", {})
        errors = [found["error"] for found in (made, proof) if not found.get("ok", True)]
        if errors:
            raise DemoError(f"the backup failed: {errors[0]}. Look with `ssh -F .demo/ssh_config {NAME} sudo opsctl backup verify`")
        if state.get("restorable") and proof:
            return f"restored from target {proof['target']}, started and questioned: it counts"
        if time.monotonic() > end:
            raise DemoError(
                f"no proven backup within {seconds:.0f} s: `ssh -F .demo/ssh_config {NAME} sudo opsctl status` says how far it is"
            )
        time.sleep(0.5)


def show_summary() -> str:
    """What runs where, how to look at it, how to remove it."""
    running = docker("exec", NAME, "docker", "ps", "--format", "{{.Names}}\t{{.Image}}\t{{.Status}}").stdout.splitlines()
    rows = [line.split("\t") for line in sorted(running)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)] if rows else [0, 0]
    print(f"\n      On {NAME} ({PLATFORM}), behind its nginx and firewall:")
    for row in rows:
        print(f"        {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")
    curl = f"curl --cacert .demo/ca.pem --resolve {DOMAIN}:8443:127.0.0.1 https://{DOMAIN}:8443"
    ssh = f"ssh -F .demo/ssh_config {NAME}"
    look = (
        ("the application", f"{curl}/"),
        ("the status page", f"{curl}/status/ > .demo/status.html, and open that in a browser"),
        ("what runs, what is wrong", f"{ssh} sudo opsctl status"),
        ("what can be restored", f"{ssh} sudo opsctl backup list"),
        ("who was told", "make demo-mail"),
        (
            "the same by Ansible",
            "tests/tools/toolchain.sh ansible-playbook playbooks/status.yml -i inventories/demo",
        ),
    )
    attempt = (
        ("a release that fails", "make demo-bad-release  (takes itself back under load; no request is lost)"),
        ("a database that dies", f"{ssh} sudo docker kill latentum-database-1  (healed and told: opsctl incidents, make demo-mail)"),
        ("a change", "edit inventories/demo or inventories/latentum, then make demo"),
        ("the end", "make demo-down"),
    )
    for title, lines in (("Where to look", look), ("What to try", attempt)):
        print(f"\n      {title}")
        for what, command in lines:
            print(f"        {what:<24} {command}")
    return f"{len(rows)} containers"


def up() -> None:
    started = time.monotonic()
    steps: list[tuple[str, Callable[[], str]]] = [
        ("What the host finds on its network", ensure_services),
        ("Images of the sample application, from Debian packages", ensure_images),
        ("A throw-away host", ensure_host),
        (f"{' '.join(PLAYBOOK)}", run_site),
        ("A verified HTTPS request", check_answer),
        ("The first backup, and its proof", proven_backup),
        ("What there is now", show_summary),
    ]
    for number, (title, action) in enumerate(steps, start=1):
        step(number, title, action)
    print(f"\nThe demo is up after {time.monotonic() - started:.0f} s.")


def down() -> None:
    """Remove the host; the services and the network too, unless other test hosts use them."""
    engine.ensure(PATHS["engine-log"])
    was = host.remove(NAME)
    print(f"{NAME}: {'removed' if was else 'was not there'}")
    if STATE.exists():
        shutil.rmtree(STATE)
    mine = docker("ps", "--all", "--filter", f"label={LABEL}=1", "--format", "{{.Names}}").stdout.split()
    helpers = [name for name in mine if name.startswith(services.PREFIX)]
    if len(mine) > len(helpers):
        print("services: kept, other test hosts are there")
        return
    for name in helpers:
        host.remove(name)
    docker("network", "rm", network.NAME, check=False)
    print("services and network: removed; images and package cache stay for the next time (`make clean` removes them)")


def main() -> int:
    """1 with a sentence when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    verb = parser.parse_args().verb
    try:
        up() if verb == "up" else down()
    except (DemoError, HostsError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; `make demo` goes on from here, `make demo-down` removes it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
