# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts find on their network besides each other: a client, an ACME server, an image registry, backup targets, a package cache."""

from __future__ import annotations

import shutil
import time
import urllib.request
from dataclasses import dataclass

import network
import targets
from cache import CACHE, PATHS, alone
from engine import LABEL, HostsError, docker
from host import remove
from keys import ensure_pki
from rootfs import HERE, digest, sources, toolbox_image

RECEIVERS = HERE.parent / "receivers"
PREFIX = "latentum-ops-test-"
RECIPE = f"{LABEL}.recipe"
# Published on loopback, where every engine may push without TLS; the same port inside, so that a name means one image.
REGISTRY_PORT = 5000
# The management interface of Pebble; what it says is trusted because it comes over our own network.
ISSUING_ROOT = "https://pebble.example.test:15000/roots/0"

PEBBLE = """{"pebble": {"listenAddress": "0.0.0.0:14000", "managementListenAddress": "0.0.0.0:15000",
"certificate": "/pki/server.pem", "privateKey": "/pki/server.key", "httpPort": 80, "tlsPort": 443,
"externalAccountBindingRequired": false,
"certificateValidityPeriod": 7776000, "profiles": {"default": {"description": "ninety days, as elsewhere", "validityPeriod": 7776000}}}}"""
REGISTRY = """version: 0.1
storage: {filesystem: {rootdirectory: /data}, delete: {enabled: true}}
http: {addr: ":5000", tls: {certificate: /pki/server.pem, key: /pki/server.key}}
"""


# A name server that takes updates from who has the key (RFC 2136), and an authority that asks it: for certificates proven by DNS.
ZONE, ZONE_KEY = "zone.example.test", "dGhlIGtleSBvZiB0aGUgdGVzdCB6b25lIG9mIGxhdGVudHVtLm9wcw=="
NAMED = f"""options {{ directory "/tmp/named"; listen-on {{ any; }}; listen-on-v6 {{ none; }}; recursion no; pid-file none; }};
key "updates" {{ algorithm hmac-sha256; secret "{ZONE_KEY}"; }};
zone "{ZONE}" {{ type primary; file "zone"; update-policy {{ grant updates subdomain {ZONE}. TXT; }}; }};"""
ZONE_FILE = f"""$TTL 1
@ IN SOA names.{ZONE}. ops.{ZONE}. 1 60 60 3600 1
@ IN NS names.{ZONE}.
names IN A 127.0.0.1"""


@dataclass(frozen=True)
class Service:
    """A container of the toolbox image: its command, name on the network, and what is mounted and published."""

    name: str
    alias: str
    command: str
    options: tuple[str, ...] = ()


SERVICES = (
    Service("client", "client.example.test", "exec sleep infinity"),
    Service(
        "pebble", "pebble.example.test",
        f"echo '{PEBBLE}' > /tmp/pebble.json; export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0; exec pebble -config /tmp/pebble.json",
        ("--volume", f"{CACHE}/pki:/pki:ro"),
    ),
    Service(
        "names", "names.example.test",
        f"mkdir -p /tmp/named; echo '{NAMED}' > /tmp/named/named.conf; echo '{ZONE_FILE}' > /tmp/named/zone; chown -R bind /tmp/named;"
        f" echo '{PEBBLE}' > /tmp/pebble.json; export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0;"
        " pebble -config /tmp/pebble.json -dnsserver 127.0.0.1:53 & exec named -f -u bind -c /tmp/named/named.conf",
        ("--volume", f"{CACHE}/pki:/pki:ro"),
    ),
    Service(
        "registry", "registry.example.test", f"echo '{REGISTRY}' > /tmp/registry.yml; exec docker-registry serve /tmp/registry.yml",
        ("--volume", f"{CACHE}/pki:/pki:ro", "--volume", f"{PREFIX}registry:/data", "--publish", f"127.0.0.1:{REGISTRY_PORT}:5000"),
    ),
    Service(
        "packages", "packages.example.test",
        # The volume outlives the image, in which the user may have got another number.
        "mkdir -p /run/apt-cacher-ng;"
        " find /run/apt-cacher-ng /var/cache/apt-cacher-ng ! -user apt-cacher-ng -exec chown apt-cacher-ng: {} +;"
        " exec runuser -u apt-cacher-ng -- /usr/sbin/apt-cacher-ng -c /etc/apt-cacher-ng ForeGround=1",
        ("--volume", f"{PREFIX}packages:/var/cache/apt-cacher-ng"),
    ),
)  # fmt: skip


def receivers_service() -> Service:
    """Whom the watchdog tells: Slack, PagerDuty, a dead-man's switch, a mail server; what came is in /received.

    Its program is mounted from the cache, in a folder named after its content: checkouts that have the same one share the container.
    """
    names = [path.name for path in sorted(RECEIVERS.glob("*.py"))]
    folder = CACHE / f"receivers-{digest(*sources(RECEIVERS, *names))}"
    with alone("receivers"):
        if not folder.exists():
            fresh = folder.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(RECEIVERS, fresh, ignore=shutil.ignore_patterns("__pycache__"))
            fresh.replace(folder)
    return Service(
        "receivers", "receivers.example.test",
        "mkdir -p /received; exec python3 -B /receivers/receivers.py --folder /received --http 8088 --https 8443 --smtp 2525"
        " --cert /pki/server.pem --key /pki/server.key --login ops:mail-word-of-the-test",
        ("--volume", f"{CACHE}/pki:/pki:ro", "--volume", f"{folder}:/receivers:ro"),
    )  # fmt: skip


def targets_service() -> Service:
    """Where backups go; asked for its command only when it is started, because that needs the toolchain's rclone."""
    return Service(
        "targets", "s3.example.test", targets.command(),
        ("--network-alias", "rest.example.test", "--network-alias", "sftp.example.test", "--volume", f"{CACHE}/pki:/pki:ro",
         "--volume", f"{targets.FOLDER}:/targets:ro", "--volume", "/data",
         # So small that a test can fill it.
         "--tmpfs", f"{targets.CHROOT}:size=1g,mode=0755"),
    )  # fmt: skip


def ensure() -> None:
    """Start what does not run yet, or runs from another recipe (an older checkout, another PKI)."""
    ensure_pki()
    targets.ensure()
    image = toolbox_image()
    network.ensure()
    pki = PATHS["ca"].read_text()
    with alone("services"):
        for service in (*SERVICES, receivers_service(), targets_service()):
            start(service, image, digest(image, pki, service.command, *service.options))
        fetch_pebble_root()


def start(service: Service, image: str, recipe: str) -> None:
    """One service, unless it runs by this very recipe."""
    name = PREFIX + service.name
    shown = docker("container", "inspect", "--format", f'{{{{.State.Running}}}} {{{{index .Config.Labels "{RECIPE}"}}}}', name, check=False)
    if shown.returncode == 0 and shown.stdout.split() == ["true", recipe]:
        return
    remove(name)
    for volume in [option.split(":")[0] for option in service.options if option.startswith(PREFIX)]:
        docker("volume", "create", "--label", f"{LABEL}=1", volume)
    docker(
        "run", "--detach", "--init", "--name", name, "--hostname", service.name, "--label", f"{LABEL}=1", "--label", f"{RECIPE}={recipe}",
        "--network", network.NAME, "--network-alias", service.alias, *service.options, image, "sh", "-c", service.command,
    )  # fmt: skip


def fetch_pebble_root() -> None:
    """Keep the root that the ACME server issues from: it makes a new one at each start."""
    end = time.monotonic() + 60
    while True:
        shown = docker("exec", PREFIX + "client", "curl", "--silent", "--fail", "--insecure", ISSUING_ROOT, check=False)
        if shown.returncode == 0:
            PATHS["pebble-root"].write_text(shown.stdout)
            return
        if time.monotonic() > end:
            raise HostsError("the ACME server does not answer: docker logs " + PREFIX + "pebble")
        time.sleep(0.5)


def registry_answers() -> bool:
    """The registry answers on its loopback port."""
    try:
        import ssl

        context = ssl.create_default_context(cafile=str(PATHS["ca"]))
        urllib.request.urlopen(f"https://127.0.0.1:{REGISTRY_PORT}/v2/", context=context, timeout=5).close()
    except OSError:
        return False
    return True
