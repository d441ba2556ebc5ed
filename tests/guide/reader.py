# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader of the guide: a folder with files and programs of their own, a bare host, and a registry that wants a login.

What is the reader's own in the guide (addresses, images, numbers of users) is replaced by what the test network has. Two programs are
stood in for: `pip`, because the toolchain has Ansible already, and `docker`, because this machine's engine does not know the registry.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bcrypt
import build
import guide
import host
import keys
import network
import services
from cache import CACHE, PATHS
from engine import LABEL, docker
from rootfs import toolbox_image

REGISTRY, LOGIN, WORD = "private.example.test", "deploy", "word-of-the-test"
REGISTRY_CONTAINER = "latentum-ops-test-guide-registry"
DOMAIN = "shop.example.test"
# The images of the test registry again, behind TLS by the test CA and a login.
SERVE = f"""
echo '{LOGIN}:HASH' > /tmp/htpasswd
cat > /tmp/registry.yml <<END
version: 0.1
storage: {{filesystem: {{rootdirectory: /data}}}}
auth: {{htpasswd: {{realm: test, path: /tmp/htpasswd}}}}
http: {{addr: ":443", tls: {{certificate: /pki/private.pem, key: /pki/private.key}}}}
END
exec docker-registry serve /tmp/registry.yml
"""
# What replaces the reader's own. The healthcheck is that of the sample image, which has no curl.
OWN = {
    "registry.example.com/shop/web:": f"{REGISTRY}/latentum/model-server:",
    "postgres:17.6": f"{REGISTRY}/latentum/postgres:17",
    "registry.example.com": REGISTRY,
    "shop.example.com": DOMAIN,
    "ops@example.com": "ops@example.test",
    '"999:999"': '"10070:10070"',
    'curl, --fail, --silent, "http://localhost:8080/health"': "healthcheck",
}
# What the world has and a test network must say: whom the certificates come from.
NETWORK = """
certbot_directory_url: https://pebble.example.test:14000/dir
base_ca_certificates: [{name: test, certificate: "{{ lookup('ansible.builtin.file', inventory_dir ~ '/registry-ca.pem') }}"}]
"""


def ensure_registry() -> None:
    """Start it, anew."""
    services.ensure()
    build.ensure()
    host.remove(REGISTRY_CONTAINER)
    # The only hash that the registry takes (htpasswd(1), -B).
    serve = SERVE.replace("HASH", bcrypt.hashpw(WORD.encode(), bcrypt.gensalt(4)).decode())
    docker(
        "run", "--detach", "--name", REGISTRY_CONTAINER, "--label", f"{LABEL}=1", "--network", network.NAME, "--network-alias", REGISTRY,
        "--volume", f"{CACHE}/pki:/pki:ro", "--volume", "latentum-ops-test-registry:/data:ro", toolbox_image(), "sh", "-c", serve,
    )  # fmt: skip


class Reader:
    """Follows the guide in a folder, for a host that is reached as this user on this port."""

    def __init__(self, folder: Path, name: str, *, user: str, port: int) -> None:
        self.folder, self.name, self.user, self.port = folder, name, user, port
        self.page = guide.page()
        host.up(name, "trixie", [DOMAIN], [])
        self._prepare_host()
        shown = json.loads(docker("container", "inspect", name).stdout)[0]["NetworkSettings"]["Networks"]
        self.address = shown[network.NAME]["IPAddress"]
        self._prepare_home()
        self._write_files()

    def own(self, text: str) -> str:
        """Text of the guide with what is the reader's own."""
        for theirs, ours in {**OWN, "203.0.113.10": self.address, "ansible_user: debian": f"ansible_user: {self.user}"}.items():
            text = text.replace(theirs, ours)
        return text.replace("debian@", f"{self.user}@")

    def root(self, command: str) -> str:
        """What a command says on the host."""
        return docker("exec", self.name, "sh", "-c", command).stdout

    def follow(self, command: str) -> str:
        """Run a command of the guide; what it printed.

        :raises AssertionError: it failed.
        """
        env = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        env |= {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}/programs:{Path(sys.executable).parent}:{env['PATH']}",
            "LC_ALL": "C.UTF-8",
        }
        print(f"\n$ {self.own(command)}", flush=True)
        with subprocess.Popen(
            ["bash", "-euc", self.own(command)], cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        said = "".join(lines)
        assert process.returncode == 0, f"{command}: {process.returncode}\n{said[-6000:]}"
        return said

    def change(self, file: str, before: str, after: str) -> None:
        """Edit one of the files."""
        path = self.folder / file
        text = path.read_text()
        assert before in text, f"{file} has no {before}"
        path.write_text(text.replace(before, after))

    def _prepare_host(self) -> None:
        key = keys.public_key().strip()
        if self.user == "root":
            self.root(f"userdel --remove ops; install -d -m 0700 /root/.ssh; echo '{key}' > /root/.ssh/authorized_keys")
        if self.port != 22:
            self.root(f"echo 'Port {self.port}' > /etc/ssh/sshd_config.d/port.conf; systemctl restart ssh")

    def _prepare_home(self) -> None:
        """A home with a key, and the programs that stand in for others."""
        programs, ssh = self.folder / "programs", self.folder / ".ssh"
        for directory in (programs, ssh, self.folder / ".docker"):
            directory.mkdir(mode=0o700)
        shutil.copy(PATHS["key"], ssh / "id_ed25519")
        (ssh / "id_ed25519.pub").write_text(keys.public_key())
        there = [" ".join(line.split()[:2]) for line in self.root("cat /etc/ssh/ssh_host_*_key.pub").splitlines()]
        (ssh / "known_hosts").write_text("".join(f"{self.address} {line}\n[{self.address}]:{self.port} {line}\n" for line in there))
        (ssh / "config").write_text(
            f"Host {self.address}\n  Port {self.port}\nHost *\n  IdentitiesOnly yes\n"
            f"  IdentityFile {ssh}/id_ed25519\n  UserKnownHostsFile {ssh}/known_hosts\n"
        )
        login = base64.b64encode(f"{LOGIN}:{WORD}".encode()).decode()
        (self.folder / "logged-in.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": login}}}))
        for name, body in {
            "ssh": f'exec {shutil.which("ssh")} -F {ssh}/config "$@"',
            "docker": f'[ "$*" = "login {REGISTRY}" ] && exec cp {self.folder}/logged-in.json {self.folder}/.docker/config.json',
            "pip": '[ "$*" = "install ansible>=12" ]',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{body}\n")
            (programs / name).chmod(0o755)

    def _write_files(self) -> None:
        for path, text in guide.files(self.page).items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.own(text))
        shutil.copy(PATHS["ca"], self.folder / "production/registry-ca.pem")
        (self.folder / "production/group_vars/all/network.yml").write_text(NETWORK)
        if self.port != 22:
            lines = next(block.text for block in self.page if block.section == guide.PORT and block.language == "yaml")
            user = f"      ansible_user: {self.user}\n"
            self.change("production/hosts.yml", user, user + lines)
