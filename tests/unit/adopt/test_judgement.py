# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which somebody was before, and what today's roles would do to what is there."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.adopt import report
from ansible_collections.latentum.ops.plugins.module_utils.adopt.finding import Finding, Verdict
from ansible_collections.latentum.ops.plugins.module_utils.adopt.judgement import RULES, judge
from ansible_collections.latentum.ops.plugins.module_utils.adopt.rules import jobs, preflight
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.survey import survey
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError
from ansible_collections.latentum.ops.plugins.module_utils.preflight import checks
from ansible_collections.latentum.ops.plugins.module_utils.preflight.docker import INSTALLED
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

from .conftest import INVENTORY, Wishes
from .hosts import Neighbour, container, listening, process, recorded
from .test_survey import KEY, PRISTINE, SSHD_CONFIG, UFW_FILES

ROOT = Path(__file__).parents[3]
CONFLICT, REPORTED, TAKEN_OVER, STAYS, MANAGED = (Verdict.CONFLICT, Verdict.REPORTED, Verdict.TAKEN_OVER, Verdict.STAYS, Verdict.MANAGED)
BLOG = "<VirtualHost *:80>\nServerName blog.example.test\nDocumentRoot /home/ann/blog\n</VirtualHost>\n"
JAILS = "[DEFAULT]\nignoreip = 127.0.0.1/8 203.0.113.9\nbantime = 1h\n[sshd]\nenabled = true\n[wordpress]\nenabled = true\n"
PHONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQAB ann@phone\n"
ACME = "https://acme-v02.api.letsencrypt.org/directory"
DEBIAN_NGINX = "http {\n  include /etc/nginx/conf.d/*.conf;\n  include /etc/nginx/sites-enabled/*;\n}\n"
OURS_NGINX = "http {\n  include /etc/nginx/sites.d/*.conf;\n}\n"
LEGACY = "server {\n  listen 80;\n  server_name legacy.example.test;\n  location / { proxy_pass http://127.0.0.1:3000; }\n}\n"
ANY = "0.0.0.0"


SAME = LEGACY.replace("legacy", "shop")


def apt(**values: str) -> dict[str, str]:
    return {"apt-config dump": "".join(f'Unattended-Upgrade::{name.replace("_", "-")} "{value}";\n' for name, value in values.items())}


def packages(*names: str) -> dict[str, str]:
    argv = "dpkg-query --show --showformat ${db:Status-Abbrev}\t${Package}\t${Provides}\n"
    return {argv: "".join(f"ii \t{name}\t\n" for name in names)}


def renewal(name: str, **settings: str) -> dict[str, str]:
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return {f"/etc/letsencrypt/renewal/{name}.conf": f"fullchain = /etc/letsencrypt/live/{name}/fullchain.pem\n[renewalparams]\n{lines}"}


CONVERGED = {
    "/usr/lib/latentum-ops/engine.json": json.dumps({"version": "0.0.1", "digest": "ab", "state_format": 1}),
    "/etc/latentum-ops/stacks/shop.json": json.dumps({"name": "shop", "directory": "/opt/shop", "domains": ["shop.example.test"]}),
    "/etc/nginx/nginx.conf": OURS_NGINX,
    "/etc/nginx/sites.d/shop.example.test.conf": "server { server_name shop.example.test; }",
    "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\n# 10-latentum-ops.conf decides\n",
    "/etc/ssh/sshd_config.d/10-latentum-ops.conf": "Port 22\n",
    "/etc/default/ufw": UFW_FILES["/etc/default/ufw"].replace('FORWARD_POLICY="ACCEPT"', 'FORWARD_POLICY="DROP"'),
    "/etc/ufw/ufw.conf": UFW_FILES["/etc/ufw/ufw.conf"],
    "/etc/ufw/user.rules": "".join(f"### tuple ### {line}\n" for line in (
        "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=535348",
        "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in comment=48545450",
        "allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in comment=4854545053",
    )),
    "/etc/docker/daemon.json": json.dumps({"live-restore": True, "no-new-privileges": True}),
    "/etc/latentum-ops/docker-daemon.json": json.dumps({"live-restore": True}),
    "/etc/passwd": "ann:x:1000:1000::/home/ann:/bin/bash\n",
    "/home/ann/.ssh/authorized_keys": KEY,
    **renewal("shop.example.test", authenticator="webroot", server=ACME, key_type="ecdsa"),
}  # fmt: skip
NAMED = {
    "name": "shop",
    "compose": {"services": {"web": {"image": "shop/web:1", "container_name": "taken", "healthcheck": {"test": "true"}}}},
    "services": {"web": {"update": {"strategy": "recreate"}}},
}


def pem(name: str) -> str:
    """A certificate for ten days, as openssl makes it."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "10",
            "-subj",
            "/CN=x",
        ]
        argv += ["-subj", "/CN=x", "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
        subprocess.run(argv, check=True, capture_output=True)
        return (Path(folder) / "certificate").read_text()


PEM = {name: pem(name) for name in ("shop.example.test", "pay.test")}


@dataclass
class Case:
    """A host, and what must be found there: kind, a part of the name, verdict, and parts of effect, key and value.

    :param variables: of the inventory beside `INVENTORY`.
    """

    host: Neighbour
    expected: Sequence[tuple[str, str, Verdict, str]]
    variables: dict[str, Any] = field(default_factory=dict)
    skip: tuple[str, ...] = ()


OWN = {"domains": ["shop.example.test"], "chain_file": "/etc/ssl/a.pem", "key_file": "/etc/ssl/a.key"}
NGINX_RUNS = [process("nginx", unit="nginx.service", sockets=[1, 2])]
WEB = {"/proc/net/tcp": listening((ANY, 80, 1), (ANY, 443, 2))}
CASES = {
    "a bare host": Case(Neighbour(), []),
    "a database of the system and a project beside it": Case(
        Neighbour(
            {"/proc/net/tcp": listening(("127.0.0.1", 5432, 5), (ANY, 5433, 6))},
            {},
            [process("postgres", unit="postgresql@15-main.service", sockets=[5]), process("docker-proxy", sockets=[6])],
            [container("legacy-db-1", "postgres:15", project="legacy", folder="/srv/legacy", ports=["5433:5432"], volumes=["legacy_data"])],
            volumes=["legacy_data"],
        ),
        [
            ("database", "postgresql", STAYS, "not in the backups"),
            ("compose project", "legacy", STAYS, ""),
            ("volume", "legacy_data", STAYS, ""),
            ("port", "5433/tcp", REPORTED, "reachable from everywhere now, closed firewall_extra_rules [{port: 5433, protocol: tcp}]"),
        ],
    ),
    "the same with its port declared": Case(
        Neighbour(
            {"/proc/net/tcp": listening((ANY, 5433, 6))},
            {},
            [process("docker-proxy", sockets=[6])],
            [container("legacy-db-1", project="legacy", ports=["5433:5432"])],
        ),
        [("port", "5433/tcp", STAYS, "stays reachable")],
        {"firewall_extra_rules": [{"port": 5433, "protocol": "tcp"}]},
    ),
    "a port that only some networks may reach afterwards": Case(
        Neighbour({"/proc/net/tcp": listening((ANY, 9100, 6))}, {}, [process("node_exporter", unit="node_exporter.service", sockets=[6])]),
        [("port", "9100/tcp", REPORTED, "some networks")],
        {"firewall_extra_rules": [{"port": 9100, "protocol": "tcp", "from": ["203.0.113.0/24"]}]},
    ),
    "published ports that are left alone": Case(
        Neighbour({}, containers=[container("a", ports=["8080:80"])]), [("port", "8080/tcp", STAYS, "")], {"firewall_docker": False}
    ),
    "a port that UFW has closed already": Case(
        Neighbour({**UFW_FILES, "/proc/net/tcp": listening((ANY, 6379, 6))}, {}, [process("redis-server", sockets=[6])]),
        [("port", "6379/tcp", STAYS, "")],
    ),
    "Traefik in front of containers": Case(
        Neighbour(
            {},
            containers=[
                container("traefik", "traefik:v3", ports=["80:80", "443:443"]),
                container("wiki", labels={"traefik.http.routers.w.rule": "Host(`wiki.example.test`)"}),
                container("old-shop", labels={"traefik.http.routers.s.rule": "Host(`shop.example.test`)"}),
            ],
        ),
        [
            ("port", "80/tcp", CONFLICT, "nginx is to listen there docker stop traefik nginx_behind"),
            ("port", "443/tcp", CONFLICT, "nginx"),
            ("proxied container", "wiki.example.test", STAYS, ""),
            ("proxied container", "shop.example.test", CONFLICT, "a route of the inventory"),
        ],
    ),
    "Traefik that may stay in front": Case(
        Neighbour(
            {"/proc/net/tcp": listening((ANY, 8080, 9))},
            {},
            [process("node", sockets=[9])],
            [container("traefik", "traefik:v3", ports=["80:80", "443:443"])],
            networks={"web": "172.18.0.0/16", "other": "172.19.0.0/16", "odd": "no net"},
        ),
        [
            # Not loopback, which is another one in a container; and a port that is free.
            ("port", "443/tcp", CONFLICT, 'nginx_behind {listen: ["0.0.0.0:8088"], trusted: [172.18.0.0/16]}'),
        ],
    ),
    "a container that nobody knows, and one in the network of the host": Case(
        Neighbour(
            {"/proc/net/tcp": listening((ANY, 80, 9), (ANY, 443, 8))},
            {},
            [process("caddy", container=(b"host-caddy".hex() * 64)[:64], sockets=[9]), process("docker-proxy", sockets=[8])],
            [container("host-caddy", "caddy", network="host"), container("lost", ports=["443:443"])],
        ),
        [
            ("port", "80/tcp", CONFLICT, 'nginx_behind {listen: ["127.0.0.1:8080"], trusted: [127.0.0.1]}'),
            ("port", "443/tcp", CONFLICT, 'nginx_behind {listen: ["0.0.0.0:8080"], trusted: [172.16.0.0/12]}'),
        ],
    ),
    "Caddy stays in front, as the inventory says": Case(
        Neighbour(
            {
                **WEB,
                "/etc/caddy/Caddyfile": "shop.example.test {\n  reverse_proxy 127.0.0.1:8088\n}\nwiki.example.test {\n  respond hello\n}\n",
                **renewal("wiki.example.test", authenticator="standalone"),
                "/etc/nginx/sites.d/shop.example.test.conf": "server { server_name shop.example.test; }",
            },
            {},
            [process("caddy", unit="caddy.service", sockets=[1, 2])],
        ),
        [
            ("port", "80/tcp", REPORTED, "closed afterwards firewall_extra_rules [{port: 80, protocol: tcp}]"),
            ("caddy site", "shop.example.test", STAYS, "stands behind it, and gets shop.example.test from it"),
            ("caddy site", "wiki.example.test", STAYS, "not touched"),
            ("certificate", "wiki.example.test", STAYS, ""),
        ],
        {"nginx_behind": {"listen": ["127.0.0.1:8088"], "trusted": ["127.0.0.1"]}},
    ),
    "HAProxy stays in front and does not know it yet": Case(
        Neighbour({**WEB, "/proc/net/tcp": listening((ANY, 80, 1), (ANY, 8088, 3)), "/etc/nginx/sites.d/x.conf": "",
                   "/etc/caddy/Caddyfile": "shop.example.test {\n  reverse_proxy localhost:3000\n}\n"}, {},
                  [process("haproxy", unit="haproxy.service", sockets=[1]), process("nginx", unit="nginx.service", sockets=[3])]),
        [
            ("caddy site", "shop.example.test", REPORTED, "only if this site passes it on to 0.0.0.0:8088"),
            ("port", "8088/tcp", MANAGED, ""),
        ],
        {"nginx_behind": {"listen": ["0.0.0.0:8088"], "trusted": ["127.0.0.1"]}},
    ),
    "a proxy in front that contradicts the rest": Case(
        Neighbour(WEB),
        [
            ("preflight", "nginx_proxy_protocol", CONFLICT, "write nginx_behind: {…, proxy_protocol: true}"),
            ("preflight", "nginx_behind.listen[0]", CONFLICT, "remove it there"),
        ],
        {"nginx_behind": {"listen": ["127.0.0.1:9000"], "trusted": ["127.0.0.1"]}, "nginx_proxy_protocol": True},
    ),
    "Apache with a blog": Case(
        Neighbour(
            {
                **WEB,
                "/etc/apache2/apache2.conf": "IncludeOptional sites-enabled/*.conf\n",
                "/etc/apache2/sites-enabled/blog.conf": BLOG,
            },
            {},
            [process("apache2", unit="apache2.service", sockets=[1, 2])],
        ),
        [
            (
                "port",
                "80/tcp",
                CONFLICT,
                'systemctl disable --now apache2.service nginx_behind {listen: ["127.0.0.1:8080"], trusted: [127.0.0.1]}',
            ),
            ("apache site", "blog.example.test", STAYS, "not touched"),
            ("site in a home", "/home/ann/blog", REPORTED, "could not read os_hardening_path_modes"),
        ],
    ),
    "Apache left alone, without role nginx": Case(
        Neighbour(WEB, {}, [process("apache2", unit="apache2.service", sockets=[1, 2])]),
        [("port", "80/tcp", STAYS, "stays reachable")],
        skip=("nginx",),
    ),
    "an nginx with a foreign site": Case(
        Neighbour({**WEB, "/etc/nginx/nginx.conf": DEBIAN_NGINX, "/etc/nginx/conf.d/legacy.conf": LEGACY}, {}, NGINX_RUNS),
        [
            ("nginx site", "legacy.example.test", CONFLICT, "would go dark nginx_keep_foreign true"),
            ("nginx.conf", "/etc/nginx/nginx.conf", TAKEN_OVER, "writes it anew"),
            ("port", "80/tcp", STAYS, "stays reachable"),
        ],
    ),
    "the same with the site included": Case(
        Neighbour({"/etc/nginx/nginx.conf": DEBIAN_NGINX, "/etc/nginx/conf.d/legacy.conf": LEGACY}),
        [("nginx site", "legacy.example.test", STAYS, "beside it")],
        {"nginx_http_directives": ["include /etc/nginx/conf.d/legacy.conf;"]},
    ),
    "a foreign nginx that is kept": Case(
        Neighbour({"/etc/nginx/nginx.conf": DEBIAN_NGINX, "/etc/nginx/conf.d/legacy.conf": LEGACY, "/etc/nginx/sites-enabled/s": SAME}),
        [
            ("nginx site", "legacy.example.test", STAYS, "beside it"),
            ("nginx.conf", "/etc/nginx/nginx.conf", STAYS, "included from sites-enabled"),
            ("nginx site", "shop.example.test", CONFLICT, "one of both"),
        ],
        {"nginx_keep_foreign": True},
    ),
    "addresses of a foreign nginx that is kept": Case(
        Neighbour(
            {
                "/etc/nginx/nginx.conf": DEBIAN_NGINX,
                "/etc/nginx/conf.d/a.conf": "server { listen 443 ssl; listen 203.0.113.7:80; server_name a.test; }",
                "/etc/nginx/sites-enabled/zz-latentum-ops.conf": "server { listen 127.0.0.1:8081; server_name ours.test; }",
                "/etc/nginx/sites.d/shop.conf": "server { listen [::]:443 ssl; server_name shop.test; }",
            }
        ),
        [
            ("nginx address", "[::]:443", REPORTED, "IPv4 only there as well write `listen [::]:443` into theirs"),
            ("nginx address", "[::]:80", REPORTED, "IPv4 only"),
            ("nginx address", "203.0.113.7:80", REPORTED, "come to its sites alone"),
            ("nginx site", "a.test", STAYS, "beside it"),
        ],
        {"nginx_keep_foreign": True},
    ),
    "a foreign nginx that does not include conf.d": Case(
        Neighbour({"/etc/nginx/nginx.conf": "http {\n  include /etc/nginx/vhosts/*.conf;\n}\n"}),
        [("preflight", "nginx_keep_foreign", CONFLICT, "write `include /etc/nginx/conf.d/*.conf;`")],
        {"nginx_keep_foreign": True},
    ),
    "a site of nginx in a home": Case(
        Neighbour({"/etc/nginx/nginx.conf": "http { server { server_name a.test; root /home/ann/www; } }"}),
        [("site in a home", "/home/ann/www", REPORTED, "ProtectHome move the folder"), ("nginx site", "a.test", CONFLICT, "dark")],
    ),
    "UFW's rules kept, one of which shuts a declared port": Case(
        Neighbour({**UFW_FILES, "/etc/ufw/user.rules": "### tuple ### deny tcp 443 0.0.0.0/0 any 0.0.0.0/0 in\n"}),
        [("ufw rule", "deny in 443/tcp", CONFLICT, "443/tcp is declared open ufw delete")],
        {"firewall_keep_foreign": True},
    ),
    "an nginx that serves a declared domain": Case(
        Neighbour({"/etc/nginx/nginx.conf": DEBIAN_NGINX, "/etc/nginx/sites-enabled/s": LEGACY.replace("legacy", "shop")}),
        [("nginx site", "shop.example.test", TAKEN_OVER, "by the routes of the inventory")],
    ),
    "the page that greets": Case(
        Neighbour(
            {
                "/etc/nginx/nginx.conf": DEBIAN_NGINX,
                "/etc/nginx/sites-enabled/default": "server { listen 80 default_server; root /var/www/html; server_name _; }",
            }
        ),
        [("nginx site", "the default", TAKEN_OVER, "greets")],
    ),
    "Caddy serves a declared domain": Case(
        Neighbour({"/etc/caddy/Caddyfile": "shop.example.test {\n  reverse_proxy localhost:3000\n}\n"}),
        [("caddy site", "shop.example.test", CONFLICT, "take the site out of /etc/caddy/Caddyfile")],
    ),
    "UFW with rules of its own": Case(
        Neighbour({**UFW_FILES, "/usr/share/ufw/iptables/before.rules": PRISTINE, "/etc/ufw/before.rules": PRISTINE + "-A x -j y\n"}),
        [
            ("ufw rule", "allow in 22/tcp from anywhere", TAKEN_OVER, "of its own"),
            ("ufw rule", "5433/tcp", REPORTED, "removes it firewall_extra_rules [{port: 5433, protocol: tcp, comment: reporting}]"),
            ("ufw rule", "9100/tcp", REPORTED, "[{port: 9100, protocol: tcp, from: [203.0.113.0/24]}]"),
            ("ufw rule", "deny in on eth0", REPORTED, "[{action: deny, port: 3306, interface: eth0}]"),
            ("ufw rule", "forwarded", REPORTED, "[{direction: routed, interface: wg0, interface_out: eth0}]"),
            ("ufw rule", "allow tcp 80,443 0.0.0.0/0", REPORTED, '[{port: "80,443", protocol: tcp}]'),
            ("ufw rule", "2001:db8::/32", TAKEN_OVER, ""),
            ("ufw default", "routed traffic", REPORTED, "sets it to deny firewall_routed allow"),
            ("ufw file", "/etc/ufw/before.rules", STAYS, "leaves lines of others"),
        ],
    ),
    "UFW's rules kept": Case(Neighbour(UFW_FILES), [("ufw rule", "5433/tcp", STAYS, "keeps rules")], {"firewall_keep_foreign": True}),
    "without role firewall": Case(Neighbour(UFW_FILES), [("ufw rule", "5433/tcp", STAYS, "")], {}, ("firewall",)),
    "ufw-docker": Case(
        Neighbour({**UFW_FILES, "/etc/ufw/after.rules": "# BEGIN UFW AND DOCKER\n*filter\n:DOCKER-USER - [0:0]\nCOMMIT\n"}),
        [("ufw-docker", "/etc/ufw/after.rules", CONFLICT, "firewall_docker false")],
    ),
    "Oracle's image, and rules in the filter": Case(
        Neighbour(
            {"/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service": ""},
            {"iptables-save": recorded("iptables-save.txt"), "nft --json list ruleset": recorded("nft.json")},
        ),
        [
            ("firewall", "netfilter-persistent", CONFLICT, "systemctl disable --now netfilter-persistent"),
            ("packet filter", "ip filter INPUT", CONFLICT, "stays shut take that rule out of /etc/iptables/rules.v4"),
            ("packet filter", "ip filter DOCKER-USER", TAKEN_OVER, "empties this chain firewall_docker false"),
            ("packet filter", "ip nat PREROUTING", STAYS, "leaves it"),
            ("packet filter", "ip crowdsec", STAYS, "leaves it"),
        ],
    ),
    "firewalld": Case(
        Neighbour(
            {"/etc/systemd/system/multi-user.target.wants/firewalld.service": "", "/proc/net/tcp": listening((ANY, 3000, 4))},
            {"nft --json list ruleset": json.dumps({"nftables": [{"table": {"family": "inet", "name": "firewalld"}}, {
                "chain": {"family": "inet", "table": "firewalld", "name": "filter_INPUT", "hook": "input", "policy": "accept"}}]})},
            [process("node", sockets=[4])],
        ),
        [("firewall", "firewalld", CONFLICT, "two managers"), ("port", "3000/tcp", REPORTED, "perhaps reachable")],
    ),
    "fail2ban with jails and an office": Case(
        Neighbour(
            {
                "/etc/fail2ban/jail.local": JAILS
            }
        ),
        [
            ("jail", "wordpress", STAYS, ""),
            ("jail", "sshd", TAKEN_OVER, "sets filter"),
            ("fail2ban default", "ignoreip", REPORTED, "fail2ban_ignore [203.0.113.9]"),
            ("fail2ban default", "bantime", TAKEN_OVER, "sets it to 10m fail2ban_ban_time 1h"),
        ],
    ),
    "Docker with its own keys": Case(
        Neighbour({"/etc/docker/daemon.json": json.dumps({"dns": ["10.0.0.2"], "log-driver": "journald", "live-restore": False})}),
        [
            ("daemon.json", "dns", STAYS, "stays"),
            ("daemon.json", "log-driver", TAKEN_OVER, 'sets it to "json-file", with a restart'),
            ("daemon.json", "live-restore", TAKEN_OVER, "docker_live_restore false"),
        ],
    ),
    "Docker from its own repository": Case(
        Neighbour({}, {" ".join(INSTALLED): "ii docker-ce 5:27\n"}),
        [
            ("preflight", "docker_source", CONFLICT, "refuses the host write docker_source: docker"),
            ("docker engine", "docker-ce 5:27", STAYS, ""),
        ],
    ),
    "a project that was started by hand under our name": Case(
        Neighbour({}, containers=[
            container("shop-web-1", project="shop", folder="/srv/shop", volumes=["shop_data"]),
            container("shop-cron-1", project="shop", folder="/srv/shop"),
        ], volumes=["shop_data"]),
        [
            ("compose project", "shop", TAKEN_OVER, "as a release removes cron"),
            ("volume", "shop_data", TAKEN_OVER, "shop uses it"),
        ],
    ),
    "the same with a volume that the Compose file does not have": Case(
        Neighbour({}, containers=[container("shop-web-1", project="shop", volumes=["shop_files"])]),
        [("compose project", "shop", CONFLICT, "without the volumes shop_files compose.volumes files: {name: shop_files}")],
    ),
    "containers that change others, and logs without a limit": Case(
        Neighbour({}, containers=[container("watchtower", "containrrr/watchtower:1"), container("old", bounded=False)]),
        [
            ("container that changes others", "watchtower", CONFLICT, "past releases"),
            ("container logs", "old", CONFLICT, "log_rotation_docker_unlimited [old]"),
            ("container", "old", STAYS, ""),
        ],
    ),
    "networks that overlap": Case(
        Neighbour(
            {"/proc/net/route": "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
             "eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\nwg0 0005C90A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"},
            containers=[],
            networks={"legacy_default": "10.201.7.0/24", "vpn": "172.30.0.0/16", "bridge": "172.17.0.0/16"},
        ),
        [
            ("docker network", "legacy_default", STAYS, "passes over"),
            ("docker network", "vpn", CONFLICT, "172.30.0.0/24 of network out of shop"),
            ("docker network", "bridge", STAYS, ""),
            ("route", "10.201.5.0/24", CONFLICT, "docker_address_pools"),
        ],
    ),
    "certificates of an earlier certbot": Case(
        Neighbour(
            {
                **renewal("shop.example.test", authenticator="nginx", server=ACME, key_type="ecdsa"),
                **renewal("wiki.example.test", authenticator="standalone", server=ACME),
                **renewal("mail.example.test", authenticator="dns-cloudflare", server=ACME),
                **renewal("old.example.test", authenticator="webroot", webroot_path="/srv/old,", server=ACME),
                **renewal("stop.example.test", authenticator="dns-x", pre_hook="service nginx stop"),
                "/etc/letsencrypt/cli.ini": "deploy-hook = systemctl reload postfix\n",
                "/etc/letsencrypt/renewal-hooks/deploy/postfix": "",
            }
        ),
        [
            ("certificate", "shop.example.test", TAKEN_OVER, "other names"),
            ("certificate", "wiki.example.test", CONFLICT, "holds port 80 renewal/wiki.example.test.conf certbot certonly"),
            ("certificate", "mail.example.test", STAYS, "goes on being renewed"),
            ("certificate", "old.example.test", REPORTED, "answers challenges from /var/www/acme only"),
            ("certificate", "stop.example.test", CONFLICT, "stops nginx"),
            ("certbot settings", "/etc/letsencrypt/cli.ini", REPORTED, "writes this file anew"),
            ("certbot hook", "postfix", STAYS, ""),
        ],
    ),
    "cron jobs that work against it": Case(
        Neighbour(
            {
                "/var/spool/cron/crontabs/root": "0 4 * * * docker system prune -af\n"
                "0 5 * * * docker system prune -af --volumes\n"
                "0 6 * * * cd /opt/shop && docker compose up -d\n"
                "0 7 * * * systemctl restart nginx\n"
                "@reboot iptables -F\n"
                "0 8 * * * certbot renew -q\n"
                "0 9 * * * pg_dump legacy > /srv/b.sql\n"
                "0 1 * * * apt-get -y dist-upgrade\n"
                "5 1 * * * systemctl restart docker\n"
                "9 1 * * * echo hello\n"
            }
        ),
        [
            ("job", "docker system prune -af --volumes", CONFLICT, "removes volumes"),
            ("job", "docker system prune -af", REPORTED, "removes images"),
            ("job", "cd /opt/shop", CONFLICT, "past its releases"),
            ("job", "systemctl restart nginx", CONFLICT, "stops nginx"),
            ("job", "iptables -F", CONFLICT, "undoes the firewall"),
            ("job", "certbot renew", STAYS, "no harm"),
            ("job", "pg_dump", STAYS, ""),
            ("job", "dist-upgrade", REPORTED, "holds back"),
            ("job", "restart docker", REPORTED, "restarts the engine"),
        ],
    ),
    "an SSH server with its own rules": Case(
        Neighbour(
            {
                "/etc/ssh/sshd_config": SSHD_CONFIG,
                "/etc/ssh/sshd_config.d/50-cloud.conf": "Match User backup\n  PermitTTY no\n",
                "/etc/passwd": "bob:x:1001:1001::/home/bob:/bin/sh\n",
                "/etc/shadow": "bob:$y$j9T$hash:1::\n",
            },
            {"sshd -T": recorded("sshd-T.txt")},
        ),
        [
            ("ssh", "port 22, 2222", STAYS, ""),
            ("ssh", "logins by password", REPORTED, "bob could not log in base_operators"),
            ("ssh", "AllowUsers", REPORTED, "ssh_hardening_allow_users [deploy, "),
            ("ssh", "PermitRootLogin", REPORTED, "prohibit-password"),
            ("ssh", "Match Group sftp-only", CONFLICT, "the block is lost /etc/ssh/sshd_config.d/50-own.conf"),
            ("ssh", "Match User backup", STAYS, "leaves files of others"),
            ("ssh", "AuthorizedKeysFile", CONFLICT, "writes this file anew"),
            ("ssh", "AllowTcpForwarding", TAKEN_OVER, "ssh_hardening_tcp_forwarding"),
        ],
    ),
    "people": Case(
        Neighbour(
            {
                "/etc/passwd": "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n",
                "/home/ann/.ssh/authorized_keys": PHONE,
            }
        ),
        [("account", "root", STAYS, ""), ("account", "ann", REPORTED, "removes ann@phone base_operators (ann).ssh_keys")],
    ),
    "packages that would go": Case(
        Neighbour({}, packages("chrony", "telnet", "nginx")),
        [("package", "chrony", TAKEN_OVER, "systemd-timesyncd"), ("package", "telnet", TAKEN_OVER, "os_hardening_removed_packages")],
    ),
    "updates of its own": Case(
        Neighbour(
            {"/etc/apt/apt.conf.d/99mine": 'Unattended-Upgrade::Mail "x";\n'},
            {
                "apt-config dump": apt(Automatic_Reboot="true", Mail="root@example.test")["apt-config dump"]
                + 'Unattended-Upgrade::Package-Blacklist:: "linux-image";\nUnattended-Upgrade::Origins-Pattern:: "site=apt.example.test";\n'
            },
        ),
        [
            ("updates", "Automatic-Reboot", TAKEN_OVER, "auto_updates_reboot true"),
            ("updates", "Mail", TAKEN_OVER, "auto_updates_mail root@example.test"),
            ("updates", "Package-Blacklist", TAKEN_OVER, "auto_updates_extra_held [linux-image]"),
            ("updates", "Origins-Pattern", TAKEN_OVER, "auto_updates_extra_origins"),
            ("updates", "/etc/apt/apt.conf.d/99mine", CONFLICT, "overruled"),
        ],
    ),
    "kernel settings and modules": Case(
        Neighbour(
            {
                "/etc/sysctl.d/60-db.conf": "vm.overcommit_memory = 2\nkernel.sysrq = 176\n",
                "/etc/sysctl.d/20-cloud.conf": "net.ipv6.conf.ens5.accept_ra = 2\n",
                "/etc/sysctl.conf": "net.ipv4.conf.all.log_martians = 0\n",
                "/proc/modules": "sctp 1 0 - Live 0x0\n",
            }
        ),
        [
            ("kernel setting", "vm.overcommit_memory", STAYS, ""),
            ("kernel setting", "kernel.sysrq", TAKEN_OVER, 'os_hardening_sysctl_extra {kernel.sysrq: "176"}'),
            ("kernel setting", "net.ipv6.conf.ens5.accept_ra", CONFLICT, "after a boot 2 is back: a key of its own wins over a pattern"),
            ("kernel setting", "net.ipv4.conf.all.log_martians", CONFLICT, "after a boot 0 is back"),
            ("kernel module", "sctp", REPORTED, "os_hardening_blocked_modules"),
        ],
    ),
    "a file that overrules what a role has written": Case(
        Neighbour(
            {
                "/etc/security/limits.d/90-latentum-ops.conf": "* hard core 0\n",
                "/etc/security/limits.d/95-debug.conf": "* - core unlimited\nann - core 9\n",
                "/etc/latentum-ops/deviations/os_hardening.json": '{"limits core ann": "her debugger"}',
            }
        ),
        [("overruled setting", "os_hardening: limits core *", CONFLICT, "os_hardening_allowed_deviations")],
    ),
    "a stack of another repository": Case(
        Neighbour(
            {
                "/usr/lib/latentum-ops/engine.json": json.dumps({"version": "9.0.0", "digest": "ab", "state_format": 1}),
                "/etc/latentum-ops/stacks/wiki.json": json.dumps({"name": "wiki", "domains": ["wiki.example.test"]}),
                "/etc/nginx/nginx.conf": OURS_NGINX,
                "/etc/nginx/sites.d/wiki.example.test.conf": "server { server_name wiki.example.test; }",
                "/etc/nginx/sites.d/shop.example.test.conf": "server { server_name shop.example.test; }",
                "/etc/nginx/sites.d/old.example.test.conf": "server { server_name old.example.test; }",
            }
        ),
        [
            ("engine", "latentum.ops 9.0.0", MANAGED, "never downgraded"),
            ("stack", "wiki", STAYS, "its sites neither"),
            ("nginx site", "old.example.test", TAKEN_OVER, "removes it"),
            ("nginx site", "shop.example.test", MANAGED, ""),
            ("nginx.conf", "/etc/nginx/nginx.conf", MANAGED, ""),
        ],
    ),
    "containers that use a database of the host": Case(
        Neighbour(
            {"/proc/net/tcp": listening((ANY, 5432, 5))},
            {},
            [process("postgres", unit="postgresql@15-main.service", sockets=[5])],
            [container("legacy-web-1", project="legacy")],
            networks={"legacy_default": "172.18.0.0/16"},
        ),
        [("database for containers", "postgresql 5432", REPORTED, "[{port: 5432, protocol: tcp, from: [172.18.0.0/16]}]")],
    ),
    "a port that the stack publishes": Case(
        Neighbour({"/proc/net/tcp": listening((ANY, 9001, 5))}, {}, [process("node", unit="app.service", sockets=[5])]),
        [("port", "9001/tcp", CONFLICT, "service web of shop compose.services.web.ports")],
    ),
    "a converged host": Case(
        Neighbour(
            {
                **CONVERGED,
                "/proc/net/tcp": listening((ANY, 22, 1), (ANY, 80, 2), (ANY, 443, 3), ("127.0.0.1", 9000, 4), ("10.0.0.4", 8502, 5)),
                "/etc/letsencrypt/live/shop.example.test/fullchain.pem": "",
            },
            {"sshd -T": "port 22\nlistenaddress 0.0.0.0:22\npasswordauthentication no\n"},
            [
                process("sshd", unit="ssh.service", sockets=[1]),
                process("nginx", unit="nginx.service", sockets=[2, 3]),
                process("docker-proxy", sockets=[4]),
                process("latentum-ops-wa", unit="latentum-ops-watchdog.service", sockets=[5]),
            ],
            [
                container("shop-web-1", project="shop", labels={"com.latentum.ops.definition": "ab"}, ports=["127.0.0.1:9000:9000"],
                          volumes=["shop_data"]),
            ],
            volumes=["shop_data", "ab" * 32],
            networks={"shop_out": "172.30.0.0/24"},
        ),
        [
            ("engine", "latentum.ops 0.0.1", MANAGED, "is replaced by"),
            ("stack", "shop", MANAGED, ""),
            ("port", "22/tcp", MANAGED, ""),
            ("port", "80/tcp", MANAGED, ""),
            ("port", "8502/tcp", MANAGED, ""),
            ("ssh", "port 22", MANAGED, ""),
            ("ufw rule", "allow in 22/tcp", MANAGED, ""),
            ("compose project", "shop", MANAGED, ""),
            ("volume", "shop_data", MANAGED, ""),
            ("volume", "1 without a name", STAYS, ""),
            ("daemon.json", "live-restore", MANAGED, ""),
            ("account", "ann", MANAGED, ""),
            ("certificate", "shop.example.test", TAKEN_OVER, "other names"),
        ],
    ),
    "a stack of another repository that serves nothing": Case(
        Neighbour({"/etc/latentum-ops/stacks/jobs.json": '{"name": "jobs"}', "/usr/lib/latentum-ops/latentum_ops/__init__.py": ""}),
        [("stack", "jobs", STAYS, "not of this run"), ("engine", "without a recorded version", MANAGED, "")],
    ),
    "an operator who goes": Case(
        Neighbour({"/etc/passwd": "eve:x:1002:1002::/home/eve:/bin/bash\n"}),
        [("account", "eve", TAKEN_OVER, "removes the account")],
        {"base_operators": [{"name": "eve", "state": "absent"}]},
    ),
    "certificates that nobody looks after": Case(
        Neighbour(
            {
                **renewal("shop.example.test", authenticator="standalone", server=ACME, key_type="ecdsa"),
                **renewal("blog.example.test", authenticator="apache"),
                **renewal("dns.example.test", authenticator="dns-x"),
                "/etc/letsencrypt/live/shop.example.test/fullchain.pem": PEM["shop.example.test"],
                "/etc/nginx/nginx.conf": "http { server { server_name pay.test; ssl_certificate /etc/ssl/pay.pem; } }",
                "/etc/ssl/pay.pem": PEM["pay.test"],
                "/etc/lego/certificates/lego.test.crt": PEM["pay.test"],
            }
        ),
        [
            ("certificate", "shop.example.test", CONFLICT, "its renewal by standalone stays and fails certbot_force"),
            ("certificate", "blog.example.test", REPORTED, "renewal by Apache would fail"),
            ("certificate", "dns.example.test", STAYS, ""),
            ("certificate", "pay.test", REPORTED, "nobody renews it"),
        ],
    ),
    "a certificate of another authority and kind": Case(
        Neighbour(
            {
                **renewal("shop.example.test", authenticator="webroot", server="https://ca.example.test/dir", key_type="rsa"),
                "/etc/letsencrypt/live/shop.example.test/fullchain.pem": PEM["shop.example.test"],
            }
        ),
        [("certificate", "shop.example.test", TAKEN_OVER, "its key is rsa, it comes from https://ca.example.test/dir by webroot")],
    ),
    "a certificate that certbot renews as we would": Case(
        Neighbour(
            {
                **renewal("shop.example.test", authenticator="webroot", server=ACME, key_type="ecdsa"),
                "/etc/letsencrypt/live/shop.example.test/fullchain.pem": PEM["shop.example.test"],
            }
        ),
        [("certificate", "shop.example.test", MANAGED, "")],
    ),
    "a lineage whose site gets a certificate of the operator's own": Case(
        Neighbour({**renewal("shop.example.test", authenticator="webroot", server=ACME, key_type="ecdsa")}),
        [("certificate", "shop.example.test", TAKEN_OVER, "serves your own (certificates) in its place; certbot forgets it")],
        {"ops_stack": {**INVENTORY["ops_stack"], "certificates": [OWN]}},
    ),
    "settings of certbot without its role": Case(
        Neighbour({"/etc/letsencrypt/cli.ini": "rsa-key-size = 4096\n", **renewal("a.test", authenticator="standalone")}),
        [("certbot settings", "/etc/letsencrypt/cli.ini", STAYS, ""), ("certificate", "a.test", STAYS, "")],
        skip=("certbot", "nginx"),
    ),
    "everything of others without the roles that touch it": Case(
        Neighbour(
            {
                "/etc/systemd/system/multi-user.target.wants/firewalld.service": "",
                "/etc/fail2ban/jail.local": JAILS,
                "/etc/docker/daemon.json": '{"dns": ["10.0.0.2"]}',
                "/etc/ssh/sshd_config": SSHD_CONFIG,
                "/etc/nginx/nginx.conf": DEBIAN_NGINX,
                "/etc/nginx/conf.d/legacy.conf": LEGACY,
            },
            {"iptables-save": recorded("iptables-save.txt")},
        ),
        [
            ("firewall", "firewalld", STAYS, ""),
            ("packet filter", "DOCKER-USER", STAYS, ""),
            ("jail", "sshd", STAYS, ""),
            ("daemon.json", "dns", STAYS, ""),
            ("ssh", "port 22", STAYS, ""),
            ("nginx site", "legacy", STAYS, ""),
            ("nginx.conf", "nginx.conf", STAYS, ""),
        ],
        skip=("firewall", "fail2ban", "docker", "ssh_hardening", "nginx"),
    ),
    "a second factor, and tunnels": Case(
        Neighbour(
            {"/etc/ssh/sshd_config": "UsePAM yes\n"},
            {"sshd -T": "port 22\nauthenticationmethods publickey,keyboard-interactive\ngatewayports yes\npermittunnel yes\n"},
        ),
        [
            ("ssh", "AuthenticationMethods", TAKEN_OVER, "a second factor is asked for no more"),
            ("ssh", "GatewayPorts", REPORTED, "loopback only"),
            ("ssh", "PermitTunnel", REPORTED, "ends tunnels"),
        ],
    ),
    "a rule of UFW that names a source port": Case(
        Neighbour({**UFW_FILES, "/etc/ufw/user.rules": "### tuple ### allow udp 1024 0.0.0.0/0 53 0.0.0.0/0 in\n"}),
        [("ufw rule", "1024", REPORTED, "cannot say the same firewall_keep_foreign true")],
    ),
    "kept openings of UFW": Case(
        Neighbour(
            {**UFW_FILES, "/proc/net/tcp": listening((ANY, 5433, 6))},
            {},
            [process("docker-proxy", sockets=[6])],
            [container("legacy-db-1", project="legacy", ports=["5433:5432"])],
        ),
        [("port", "5433/tcp", STAYS, "stays reachable")],
        {"firewall_keep_foreign": True},
    ),
    "a container and a program in the way": Case(
        Neighbour(
            {"/proc/net/tcp": listening((ANY, 80, 6))},
            {},
            [process("python3", sockets=[6])],
            [container("taken", image="x")],
            networks={"odd": "no net"},
        ),
        [
            ("port", "80/tcp", CONFLICT, "stop it, or move it"),
            ("container", "taken", CONFLICT, "a container of this name"),
            ("docker network", "odd", STAYS, ""),
        ],
        {"ops_stack": NAMED},
    ),
    "a cloud's agents": Case(
        Neighbour({"/etc/systemd/system/multi-user.target.wants/google-guest-agent.service": ""}),
        [("agent", "google-guest-agent", STAYS, "")],
    ),
    "room and swap": Case(
        Neighbour({"/proc/swaps": "Filename Type Size Used Priority\n/swapfile file 2097148 0 -2\n"}),
        [("file system", "/", STAYS, ""), ("swap", "/swapfile", STAYS, "")],
    ),
    "sshd on another port": Case(
        Neighbour({"/etc/ssh/sshd_config": "Port 2222\n"}, {"sshd -T": "port 2222\nlistenaddress 0.0.0.0:2222\n"}),
        [("preflight", "ssh_hardening_port", CONFLICT, "set ssh_hardening_port: 2222")],
    ),
}  # fmt: skip


def findings(case: Case, wishes: Wishes) -> list[Finding]:
    """What is found on the host of a case."""
    given = wishes(case.skip, **case.variables)
    assert given["unknown"] == {}
    seen = survey(case.host)
    found = judge(case.host, seen, given["wanted"], given["stacks"])
    assert [line for line in seen.unseen if "Error" in line] == []
    return found


def text(finding: Finding) -> str:
    return " ".join([finding.role, finding.effect, finding.key, finding.value])


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_what_is_there(name: str, wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.images, "available", lambda _host, _wanted: ())
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]  # asks registries
    found = findings(CASES[name], wishes)
    for kind, part, verdict, words in CASES[name].expected:
        matching = [one for one in found if one.kind == kind and part in one.name]
        assert matching, f"no {kind} {part} among {[(one.kind, one.name) for one in found]}"
        assert any(one.verdict is verdict and _in_order(words, text(one)) for one in matching), [
            (one.name, one.verdict, text(one)) for one in matching
        ]


def test_what_ours_come_in_by_is_no_site_of_others(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.images, "available", lambda _host, _wanted: ())
    found = findings(CASES["addresses of a foreign nginx that is kept"], wishes)
    assert "a.test" in [one.name for one in found] and "ours.test" not in [one.name for one in found]


def _in_order(words: str, said: str) -> bool:
    """Each word is there, in this order."""
    at = 0
    for word in words.split():
        at = said.find(word, at)
        if at < 0:
            return False
        at += len(word)
    return True


def test_a_bare_host_asks_for_nothing(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    assert {one.verdict for one in findings(CASES["a bare host"], wishes)} <= {STAYS}


def test_a_converged_host_asks_for_nothing_either(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    asked = [one for one in findings(CASES["a converged host"], wishes) if one.verdict in {CONFLICT, REPORTED}]
    assert asked == []


def test_there_are_many_hosts_and_every_verdict_of_every_rule_is_seen(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    kinds = {one.kind for case in CASES.values() for one in findings(case, wishes)}
    assert len(CASES) >= 30 and len(kinds) >= 30 and len(RULES) == 21


@pytest.mark.parametrize("name", CASES)
def test_whatever_the_preflight_refuses_is_a_conflict(name: str, wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of its checks are judged in more detail: none of their problems gets lost on the way."""
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    case = CASES[name]
    given = wishes(case.skip, **case.variables)
    wanted = {role: values["preflight"] for role, values in given["wanted"].items() if values.get("preflight")}
    problems = checks.look(wanted, case.host).problems
    found = findings(case, wishes)
    conflicts = [one for one in found if one.verdict in {CONFLICT, TAKEN_OVER}]
    for problem in problems:
        place = problem.problem.split()[0]
        assert any(
            one.name == problem.key
            or problem.key in one.write
            or place in one.details
            or problem.key == f"port {one.name.partition('/')[0]}"
            for one in conflicts
        ), str(problem)


def test_each_of_several_stacks_is_judged(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_host: Any, wanted: Any) -> list[Problem]:
        return [Problem("directory", wanted["stack"]["name"], "is somebody's", "write another one")]

    monkeypatch.setitem(checks.CHECKS, "stack", (refused,))  # type: ignore[index]
    services = {"app": {"image": "blog:1", "ports": ["127.0.0.1:9100:80"]}}
    blog = {"name": "blog", "compose": {"services": services, "networks": {"default": {"internal": False}}}}
    given = wishes(ops_stack={}, ops_stacks=[INVENTORY["ops_stack"], blog])
    assert given["unknown"] == {} and [stack["name"] for stack in given["stacks"]] == ["shop", "blog"]
    assert [port["port"] for stack in given["stacks"] for port in stack["ports"]] == [9000, 9001, 9100]
    host = CASES["a bare host"].host
    conflicts = [one for one in judge(host, survey(host), given["wanted"], given["stacks"]) if one.verdict is CONFLICT]
    assert [(one.name, one.role) for one in conflicts] == [("shop: directory", "stack"), ("blog: directory", "stack")]


def test_without_a_declaration_it_is_an_inventory() -> None:
    case = CASES["an nginx with a foreign site"]
    found = judge(case.host, survey(case.host), {}, [])
    assert {one.verdict for one in found} == {Verdict.FOUND} and not any(text(one).strip() for one in found)


def test_conflicts_come_first(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    order = [one.verdict for one in findings(CASES["cron jobs that work against it"], wishes)]
    assert order == sorted(order, key=list(Verdict).index) and order[0] is CONFLICT


def test_a_rule_that_fails_ends_nothing(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_given: object) -> Sequence[Finding]:
        raise EngineError("the engine went away with password=hunter22")

    case = CASES["people"]
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.adopt.judgement.RULES", (broken, jobs.judge))
    seen = survey(case.host)
    assert judge(case.host, seen, wishes()["wanted"], []) == [] and "went away" in seen.unseen[-1] and "hunter22" not in seen.unseen[-1]


def test_no_secret_in_a_finding(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    host = Neighbour(
        {
            "/etc/docker/daemon.json": '{"proxies": {"http-proxy": "http://ops:pr0xyvalue@proxy.example.test"}, "log-driver": "local"}',
            "/var/spool/cron/crontabs/root": "0 1 * * * mysqldump -u root -pTopS3cret x | docker run -i a\n",
            "/etc/letsencrypt/cli.ini": "deploy-hook = curl -u ops:hunter22 https://x\n",
        }
    )
    found = findings(Case(host, []), wishes)
    shown = "\n".join([json.dumps([one.as_dict() for one in found]), report.table("x", found, []), report.markdown("x", found, [], "now")])
    assert "proxy.example.test" in shown and "mysqldump" in shown
    assert not [secret for secret in ("pr0xyvalue", "TopS3cret", "hunter22") if secret in shown]


def test_the_table_fits_a_terminal_and_markdown_is_a_table(wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "stack", ())  # type: ignore[index]
    for case in CASES.values():
        found = findings(case, wishes)
        lines = report.table("web1", found, ["ufw: it cannot be read"]).splitlines()
        long = [line for line in lines if len(line) > report.WIDTH and not any(len(word) > 60 for word in line.split())]
        assert lines[0].startswith("web1: ") and long == []
        rows = [line for line in report.markdown("web1", found, [], "now").splitlines() if line.startswith("| ")]
        assert all(row.replace("\\|", "").count("|") in {4, 6} for row in rows)


def test_what_role_nginx_does_to_sites_is_what_the_rule_says() -> None:
    """Sites of stacks that the run does not know stay (nginx/ownership.py); whoever changes the purge changes the rule."""
    tasks = yaml.safe_load((ROOT / "roles/nginx/tasks/configure.yml").read_text())
    written = next(task["latentum.ops.config_set"] for task in tasks if "latentum.ops.config_set" in task)
    assert {"directory": "/etc/nginx/sites.d", "pattern": "*.conf"} in written["purge"]
    assert written["nginx_stacks"] == "{{ __nginx_stacks }}"


def test_checks_that_are_judged_elsewhere_exist() -> None:
    every = [check for of_role in checks.CHECKS.values() for check in of_role]
    assert set(preflight.ELSEWHERE) <= set(every)
