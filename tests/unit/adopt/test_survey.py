# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every other kind of what is found on a host, from real outputs and files; and that no secret of it is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey import (
    accounts,
    agents,
    chains,
    containers,
    daemon,
    databases,
    engine,
    jails,
    jobs,
    kernel,
    sshd,
    storage,
    updates,
)
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.certificates import renewals
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.listeners import listeners
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.site import Site
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.survey import survey
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.ufw import ufw
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.x509 import validity
from ansible_collections.latentum.ops.plugins.module_utils.firewall.docker_ports import DockerNetworks, block

from .conftest import Wishes
from .hosts import Neighbour, container, listening, process, recorded

UFW_FILES = {
    "/etc/default/ufw": 'IPV6=yes\nDEFAULT_INPUT_POLICY="DROP"\nDEFAULT_OUTPUT_POLICY="ACCEPT"\nDEFAULT_FORWARD_POLICY="ACCEPT"\n',
    "/etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
    "/etc/ufw/user.rules": recorded("ufw-user.rules"),
    "/etc/ufw/user6.rules": recorded("ufw-user6.rules"),
}
PRISTINE = "*filter\n:ufw-after-input - [0:0]\n# End required lines\nCOMMIT\n"


def test_ufw_as_it_writes_its_own_files() -> None:
    found = ufw(Neighbour(UFW_FILES))
    assert found.enabled and found.defaults == {"incoming": "deny", "outgoing": "allow", "routed": "allow"}
    assert [rule.words for rule in found.rules] == [
        "allow in 22/tcp from anywhere",
        "allow in 5433/tcp from anywhere (reporting)",
        "allow in 9100/tcp from 203.0.113.0/24",
        "deny in on eth0 3306/any from anywhere",
        "allow forwarded in on wg0 out on eth0 anything from anywhere",
        "allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in",
        "limit in 2222/tcp from anywhere",
        "allow in 51820/udp from anywhere",
        "allow tcp 80,443 ::/0 any ::/0 Nginx%20Full - in",
        "allow in 443/tcp from 2001:db8::/32",
    ]
    assert set(found.rules[0].stored) == {4, 6} and set(found.rules[2].stored) == {4}


def test_what_was_added_to_ufw_s_files_by_hand() -> None:
    nat = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE\nCOMMIT\n"
    ours = block([], DockerNetworks(), 4)
    files = {
        **UFW_FILES,
        "/usr/share/ufw/iptables/before.rules": PRISTINE,
        "/usr/share/ufw/iptables/after.rules": PRISTINE,
        "/etc/ufw/before.rules": nat + PRISTINE,
        "/etc/ufw/after.rules": PRISTINE + "\n" + ours,
    }
    assert [(one.file, one.line, one.text) for one in ufw(Neighbour(files)).additions] == [
        ("/etc/ufw/before.rules", 1, "*nat"),
        ("/etc/ufw/before.rules", 2, ":POSTROUTING ACCEPT [0:0]"),
        ("/etc/ufw/before.rules", 3, "-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE"),
    ]


def test_a_host_without_ufw() -> None:
    assert not ufw(Neighbour()).installed


def test_rules_of_others_in_the_packet_filter() -> None:
    outputs = {"iptables-save": recorded("iptables-save.txt"), "nft --json list ruleset": recorded("nft.json")}
    found = {(one.table, one.chain, one.owner): one for one in chains.chains(Neighbour(outputs=outputs))}
    assert set(found) == {
        ("ip filter", "INPUT", "fail2ban"),
        ("ip filter", "INPUT", ""),
        ("ip filter", "OUTPUT", "oracle cloud"),
        ("ip filter", "DOCKER-USER", ""),
        ("ip filter", "InstanceServices", "oracle cloud"),
        ("ip filter", "f2b-sshd", "fail2ban"),
        ("ip nat", "PREROUTING", ""),
        ("ip nat", "POSTROUTING", ""),
        ("inet filter", "input", ""),
        ("ip crowdsec", "crowdsec-chain", "crowdsec"),
    }
    assert found["ip filter", "INPUT", ""].closes and found["inet filter", "input", ""].closes
    assert not found["ip crowdsec", "crowdsec-chain", "crowdsec"].closes and not found["ip nat", "PREROUTING", ""].closes
    assert found["ip nat", "POSTROUTING", ""].rules == ("-A POSTROUTING -s 10.8.0.0/24 -o eth0 -j MASQUERADE",)
    assert len(found["ip filter", "DOCKER-USER", ""].rules) == 2


def test_the_table_for_containers_is_ours() -> None:
    chain = {"family": "inet", "table": "latentum_ops_containers", "name": "to_host", "hook": "input", "policy": "accept"}
    table = {"family": "inet", "name": "latentum_ops_containers"}
    assert list(chains.of_nft({"nftables": [{"table": table}, {"chain": chain}]})) == []


def test_docker_s_own_rules_and_ours_are_nobody_else_s() -> None:
    ours = "*filter\n" + "\n".join(line for line in block([], DockerNetworks(), 4).splitlines() if line.startswith("-A")) + "\nCOMMIT\n"
    assert list(chains.of_save(ours, 4)) == []
    docker = [line for line in recorded("iptables-save.txt").splitlines() if "docker0" in line or "br-" in line]
    assert len(docker) > 4 and list(chains.of_save("\n".join(["*nat", *docker]), 4)) == []


def test_jails_of_others() -> None:
    files = {
        "/etc/fail2ban/jail.d/defaults-debian.conf": "[sshd]\nenabled = true\n",
        "/etc/fail2ban/jail.d/zz-latentum-ops.local": "[DEFAULT]\nignoreip = 127.0.0.1\n[recidive]\nenabled = true\n",
        "/etc/fail2ban/jail.d/wordpress.conf": "[wordpress]\nenabled = true\nport = http,https\nlogpath = /x.log\n[off]\nenabled = false\n",
        "/etc/fail2ban/jail.local": "[DEFAULT]\nignoreip = 127.0.0.1/8\n  203.0.113.0/24\nbantime = 1h\n[wordpress]\nmaxretry = 2\n",
    }
    found = jails.fail2ban(Neighbour(files))
    assert [jail.name for jail in found.jails] == ["wordpress"]
    assert found.jails[0].options["maxretry"] == "2" and found.jails[0].options["port"] == "http,https"
    assert found.defaults == {"ignoreip": "127.0.0.1/8 203.0.113.0/24", "bantime": "1h"}


def test_an_engine_of_ours_with_its_stacks() -> None:
    files = {
        "/usr/lib/latentum-ops/engine.json": json.dumps({"version": "0.3.0", "digest": "ab" * 32, "state_format": 1}),
        "/etc/latentum-ops/stacks/shop.json": json.dumps(
            {
                "name": "shop",
                "directory": "/opt/shop",
                "services": [{"service": "web"}],
                "domains": ["shop.example.test"],
                "inventory": "acme/prod",
            }
        ),
        "/etc/latentum-ops/stacks/broken.json": "{",
        "/var/lib/latentum-ops/stacks/shop/live.json": json.dumps({"live": "3f2a90c1d4e7"}),
    }
    found = engine.engine(Neighbour(files))
    broken, shop = found.stacks
    assert found.version == "0.3.0" and broken.name == "broken"
    assert (shop.directory, shop.services, shop.release, shop.recorded) == (
        "/opt/shop",
        ("web",),
        "3f2a90c1d4e7",
        {"inventory": "acme/prod"},
    )
    assert not engine.engine(Neighbour()).installed


def test_the_engine_s_configuration_and_packages() -> None:
    host = Neighbour(
        {"/etc/docker/daemon.json": '{"data-root": "/data/docker", "dns": ["10.0.0.2"]}'},
        {
            " ".join(daemon.INSTALLED): "ii docker-ce 5:27.3.1\nrc docker.io 20.10\n",
            "systemctl show docker.service --property=ExecStart,Environment": "ExecStart={ argv[]=/usr/bin/dockerd -H fd:// ; }",
        },
    )
    found = daemon.daemon(host)
    assert found.options == {"data-root": '"/data/docker"', "dns": '["10.0.0.2"]'} and found.packages == {"docker-ce": "5:27.3.1"}
    assert found.flags == {"hosts": "fd://"} and not found.running
    assert "is no JSON" in daemon.daemon(Neighbour({"/etc/docker/daemon.json": "{,}"})).fault


def test_containers_by_project_with_volumes_and_networks() -> None:
    there = [
        container(
            "legacy-db-1",
            "postgres:15",
            project="legacy",
            folder="/srv/legacy",
            ports=["5433:5432"],
            volumes=["legacy_data"],
            bounded=False,
        ),
        container("watchtower", "containrrr/watchtower", binds=["/var/run/docker.sock"]),
    ]
    host = Neighbour(containers=there, networks={"legacy_default": "172.18.0.0/16"}, volumes=["legacy_data"])
    alone, legacy = containers.containers(host)
    assert alone.name == "watchtower" and alone.project == "" and alone.folders == ("/var/run/docker.sock",) and alone.bounded_log
    assert (legacy.service, legacy.working_directory, legacy.config_files) == ("db", "/srv/legacy", ("/srv/legacy/compose.yaml",))
    assert legacy.ports == (containers.Published("0.0.0.0", 5433, 5432, "tcp"),) and not legacy.bounded_log and not legacy.ours
    assert containers.networks(host)[0].subnets == ("172.18.0.0/16",) and containers.volumes(host)[0].name == "legacy_data"


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """As openssl makes it."""
    folder = tmp_path_factory.mktemp("certificate")
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
        "40",
        "-subj",
        "/CN=x",
    ]
    argv += [
        "-addext",
        "subjectAltName=DNS:a.example.test,DNS:*.example.test,IP:192.0.2.1",
        "-keyout",
        str(folder / "k"),
        "-out",
        str(folder / "c"),
    ]
    subprocess.run(argv, check=True, capture_output=True)
    return (folder / "c").read_text()


def test_a_real_certificate_without_a_library(pem: str) -> None:
    found = validity(f"a comment\n{pem}{pem}")
    assert found is not None and found.names == ("a.example.test", "*.example.test")
    days = (found.not_after - datetime.now(timezone.utc).timestamp()) / 86400
    assert 39 < days <= 40


@pytest.mark.parametrize("cut", [0, 60, 200])
def test_what_is_no_certificate_is_none(pem: str, cut: int) -> None:
    assert validity(pem[:cut] + "\n-----END CERTIFICATE-----") is None


RENEWAL = """# renew_before_expiry = 30 days
version = 2.1.0
fullchain = /etc/letsencrypt/live/shop.example.test/fullchain.pem
[renewalparams]
account = 0123456789abcdef
authenticator = standalone
server = https://acme-v02.api.letsencrypt.org/directory
pre_hook = systemctl stop nginx
webroot_path = /var/www/html,
installer = None
"""


def test_lineages_of_certbot_and_certificates_of_others(pem: str) -> None:
    files = {
        "/etc/letsencrypt/renewal/shop.example.test.conf": RENEWAL,
        "/etc/letsencrypt/live/shop.example.test/fullchain.pem": pem,
        "/etc/letsencrypt/cli.ini": "# mine\nrsa-key-size = 4096\ndeploy-hook = systemctl reload postfix\n",
        "/etc/letsencrypt/renewal-hooks/deploy/postfix": "",
        "/etc/letsencrypt/renewal-hooks/deploy/latentum-ops": "",
        "/root/.acme.sh/wiki.example.test_ecc/fullchain.cer": pem,
        "/etc/ssl/bought.pem": pem,
    }
    sites = [
        Site("nginx", "/x", names=("shop.example.test",), certificates=("/etc/letsencrypt/live/shop.example.test/cert.pem",)),
        Site("nginx", "/y", names=("pay.example.test",), certificates=("/etc/ssl/bought.pem", "/etc/latentum-ops/tls/a/fullchain.pem")),
    ]
    found = renewals(Neighbour(files), sites)
    lineage, bought, wiki = found.certificates
    assert lineage.settings == {
        "authenticator": "standalone",
        "server": "https://acme-v02.api.letsencrypt.org/directory",
        "pre_hook": "systemctl stop nginx",
        "webroot_path": "/var/www/html",
    }
    assert lineage.used_by == ("shop.example.test",) and lineage.domains == ("a.example.test", "*.example.test") and lineage.not_after
    assert bought.used_by == ("pay.example.test",) and not bought.client and wiki.client == "acme.sh"
    assert found.defaults == {"rsa-key-size": "4096", "deploy-hook": "systemctl reload postfix"}
    assert found.hooks == ("/etc/letsencrypt/renewal-hooks/deploy/postfix",)


def test_our_own_cli_ini_is_not_somebody_s() -> None:
    template = Path(__file__).parents[3] / "roles/certbot/templates/etc/letsencrypt/cli.ini.j2"
    assert renewals(Neighbour({"/etc/letsencrypt/cli.ini": template.read_text()}), []).defaults is None


SSHD_CONFIG = """Include /etc/ssh/sshd_config.d/*.conf
Port 22
PasswordAuthentication yes # no comment is meant here by sshd before 8.5
Match Group sftp-only
    ChrootDirectory /srv/sftp/%u
    ForceCommand internal-sftp
Match all
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u
"""


def test_sshd_in_force_and_where_it_is_set() -> None:
    files = {"/etc/ssh/sshd_config": SSHD_CONFIG, "/etc/ssh/sshd_config.d/50-cloud.conf": "Match User backup\n  PermitTTY no\n"}
    found = sshd.sshd(Neighbour(files, {"sshd -T": recorded("sshd-T.txt")}))
    assert (
        found.ports == (22, 2222)
        and found.says("allowusers") == "deploy, admin@203.0.113.*"
        and found.says("passwordauthentication") == "yes"
    )
    assert [(line.number, line.keyword, line.match) for line in found.lines] == [
        (2, "PermitTTY", "User backup"),
        (2, "Port", ""),
        (3, "PasswordAuthentication", ""),
        (5, "ChrootDirectory", "Group sftp-only"),
        (6, "ForceCommand", "Group sftp-only"),
        (8, "AuthorizedKeysFile", ""),
    ]


def test_sshd_by_its_files_where_it_says_nothing() -> None:
    found = sshd.sshd(Neighbour({"/etc/ssh/sshd_config": "Port = 2200\nPasswordAuthentication no\nPasswordAuthentication yes\n"}))
    assert found.ports == (2200,) and found.says("passwordauthentication") == "no"


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ann@laptop"


def test_accounts_with_keys_passwords_and_sudo() -> None:
    files = {
        "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\n"
        "www-data:x:33:33::/var/www:/usr/sbin/nologin\ngit:x:999:999::/srv/git:/bin/sh\npostgres:x:105:110::/var/lib/postgresql:/bin/bash\n",
        "/etc/shadow": "root:*:1::\nann:!:1::\nbob:$y$j9T$hash:1::\ngit:!:1::\n",
        "/etc/group": "sudo:x:27:ann\ndocker:x:999:bob\n",
        "/etc/sudoers.d/90-cloud": "# cloud\nbob ALL=(ALL) NOPASSWD:ALL\n",
        "/etc/sudoers.d/latentum-ops-operators": "ann ALL=(ALL) NOPASSWD:ALL\n",
        "/home/ann/.ssh/authorized_keys": f"# mine\n{KEY}\nno key at all\n",
        "/srv/git/.ssh/authorized_keys": KEY,
    }
    found = {account.name: account for account in accounts.accounts(Neighbour(files))}
    assert set(found) == {"root", "ann", "bob", "git"}
    assert found["ann"].sudo == "group sudo" and len(found["ann"].keys) == 1 and found["ann"].keys[0].endswith(" ann@laptop")
    assert found["bob"].password and found["bob"].sudo == "/etc/sudoers.d/90-cloud" and found["bob"].groups == ("docker",)
    assert not found["ann"].password and not found["git"].password


CRONTAB = """# m h dom mon dow command
MAILTO=ops@example.test
PGPASSWORD=from-the-table
*/5 * * * * /usr/bin/docker system prune -af --volumes >/dev/null 2>&1
@daily PGPASSWORD=s3cretvalue pg_dump -h 127.0.0.1 shop | gzip > /srv/backup/shop.gz
0 3 * * 1 certbot renew --pre-hook "systemctl stop nginx" --post-hook "systemctl start nginx"
1 1 * * * echo nothing of interest
"""


def test_cron_jobs_scripts_and_timers() -> None:
    files = {
        "/var/spool/cron/crontabs/root": CRONTAB,
        "/etc/crontab": "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n",
        "/etc/cron.d/shop": "SHELL=/bin/sh\n30 2 * * * www-data curl -u shop:hunter22 https://shop.example.test/cron\n",
        "/etc/cron.d/certbot": "0 */12 * * * root certbot -q renew\n",
        "/etc/cron.daily/backup-db": "#!/bin/sh\nset -e\nmysqldump -u root -pTopS3cret shop > /srv/shop.sql\n",
        "/etc/cron.daily/logrotate": "#!/bin/sh\nlogrotate /etc/logrotate.conf\n",
        "/etc/systemd/system/sync.timer": "[Timer]\nOnCalendar=*-*-* 04:00\nUnit=sync-to-nas.service\n",
        "/etc/systemd/system/sync-to-nas.service": "[Service]\nUser=backup\nExecStart=/usr/bin/rsync -a \\\n  /srv nas:/srv\n",
        "/etc/systemd/system/latentum-ops-backup@shop.timer": "[Timer]\nOnCalendar=daily\n",
    }
    found = {f"{job.source}:{job.line}": job for job in jobs.jobs(Neighbour(files))}
    assert set(found) == {
        *(f"/var/spool/cron/crontabs/root:{line}" for line in (4, 5, 6, 7)),
        "/etc/cron.d/shop:2",
        "/etc/cron.daily/backup-db:0",
        "/etc/systemd/system/sync.timer:0",
    }
    prune, dump, renew, nothing = (found[f"/var/spool/cron/crontabs/root:{line}"] for line in (4, 5, 6, 7))
    assert prune.topics == ("docker",) and prune.schedule == "*/5 * * * *" and dump.schedule == "@daily" and dump.topics == ("backup",)
    assert renew.topics == ("nginx", "certificates", "restart") and nothing.topics == () and "/srv/backup/shop.gz" in dump.paths
    timer = found["/etc/systemd/system/sync.timer:0"]
    assert (timer.user, timer.schedule, timer.topics) == ("backup", "*-*-* 04:00", ("backup",))
    shown = json.dumps([job.command for job in found.values()])
    assert not [secret for secret in ("s3cretvalue", "hunter22", "TopS3cret") if secret in shown]


def test_databases_of_the_host() -> None:
    files = {
        "/proc/net/tcp": listening(("127.0.0.1", 5432, 5), ("0.0.0.0", 6379, 6)),
        "/etc/postgresql/15/main/postgresql.conf": "data_directory = '/var/lib/postgresql/15/main'\t# a comment\nport = 5432\n",
        "/etc/postgresql/13/old/postgresql.conf": "port = 5434\n",
        "/etc/redis/redis.conf": "dir /var/lib/redis\nrequirepass hunter2222\n",
    }
    running = [
        process("postgres", "/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main", "-c",
                "config_file=/etc/postgresql/15/main/postgresql.conf", unit="postgresql@15-main.service", sockets=[5]),
        process("postgres", "postgres: checkpointer ", unit="postgresql@15-main.service"),
        process("redis-server", "/usr/bin/redis-server 0.0.0.0:6379", unit="redis-server.service", sockets=[6]),
        process("postgres", "postgres", container="ab" * 32),
    ]  # fmt: skip
    host = Neighbour(files, {}, running)
    found = databases.databases(host, listeners(host))
    assert [(one.kind, one.unit, one.port, one.addresses, one.data) for one in found] == [
        ("postgresql", "postgresql@15-main.service", 5432, ("127.0.0.1",), "/var/lib/postgresql/15/main"),
        ("redis", "redis-server.service", 6379, ("0.0.0.0",), "/var/lib/redis"),
        ("postgresql", "postgresql@13-old.service", 5434, (), ""),
    ]


def test_kernel_settings_in_the_order_of_their_files() -> None:
    files = {
        "/etc/sysctl.d/10-network-security.conf": "net.ipv4.tcp_syncookies=1\n",
        "/etc/sysctl.d/60-db.conf": "# postgres\nvm.overcommit_memory = 2\n-net.ipv4.conf.all.rp_filter=1\n;x=1\n",
        "/etc/sysctl.d/90-latentum-ops.conf": "kernel.sysrq = 0\n",
        "/etc/sysctl.d/99-late.conf": "kernel/sysrq = 1\n",
        "/etc/sysctl.conf": "vm.swappiness = 10\n",
        "/proc/modules": "sctp 425984 4 - Live 0x0\nnf_tables 1 0 - Live 0x0\n",
    }
    found = [(one.name, one.value, one.later) for one in kernel.settings(Neighbour(files))]
    assert found == [
        ("vm.overcommit_memory", "2", False),
        ("net.ipv4.conf.all.rp_filter", "1", False),
        ("kernel.sysrq", "1", True),
        ("vm.swappiness", "10", True),
    ]
    assert kernel.modules(Neighbour(files)) == ["nf_tables", "sctp"]


def test_room_and_swap() -> None:
    found = storage.storage(Neighbour({"/proc/swaps": "Filename Type Size Used Priority\n/swapfile file 2097148 0 -2\n"}))
    assert found.swap == (storage.Swap("/swapfile", 2097148 * 1024, 0),) and len(found.space) == 1


APT = """APT::Periodic::Update-Package-Lists "1";
Unattended-Upgrade "";
Unattended-Upgrade::Origins-Pattern "";
Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename},label=Debian";
Unattended-Upgrade::Origins-Pattern:: "site=apt.example.test";
Unattended-Upgrade::Automatic-Reboot "true";
"""


def test_updates_in_force() -> None:
    files = {
        "/etc/apt/apt.conf.d/99mine": '#clear Unattended-Upgrade::Origins-Pattern;\nUnattended-Upgrade::Mail "root";\nDPkg::Post "x";\n'
    }
    found = updates.updates(Neighbour(files, {"apt-config dump": APT}))
    assert found.values == {"Periodic::Update-Package-Lists": "1", "Automatic-Reboot": "true"}
    assert found.lists == {"Origins-Pattern": ("origin=Debian,codename=${distro_codename},label=Debian", "site=apt.example.test")}
    assert found.later == {"/etc/apt/apt.conf.d/99mine": ("Origins-Pattern", "Mail")}


def test_agents_that_start_at_boot_or_run() -> None:
    files = {
        "/etc/systemd/system/multi-user.target.wants/walinuxagent.service": "",
        "/etc/systemd/system/multi-user.target.wants/shop.service": "",
    }
    found = agents.agents(Neighbour(files, {}, [process("tailscaled", unit="tailscaled.service")]))
    assert [(one.what, one.running) for one in found] == [("Tailscale", True), ("Azure's agent", False)]


def test_a_part_that_cannot_be_seen_ends_nothing() -> None:
    host = Neighbour({"/etc/nginx/nginx.conf": "http { server { listen '80; } }", "/etc/fail2ban/jail.local": "no section\n"})
    found = survey(host)
    assert len(found.unseen) == 2 and "sites of nginx: NginxSyntax" in found.unseen[0] and "fail2ban" in found.unseen[1]
    assert json.loads(json.dumps(found.as_dict()))["version"] == 1


def test_no_secret_in_what_is_shown() -> None:
    files = {
        "/etc/docker/daemon.json": '{"proxies": {"http-proxy": "http://ops:pr0xyvalue@proxy.example.test:3128"}}',
        "/etc/nginx/nginx.conf": "http { server { location / { proxy_pass http://u:p4ssvalue@a/; proxy_set_header A 'Basic cXdlcnR5'; }}}",
        "/var/spool/cron/crontabs/root": CRONTAB,
        "/etc/fail2ban/jail.local": '[x]\nenabled=true\naction = cloudflare[cftoken="t0kenvalue99"]\n',
    }
    there = [container("a", labels={"traefik.http.middlewares.auth.basicauth.users": "ops:$apr1$h4shvalue"})]
    shown = json.dumps(survey(Neighbour(files, containers=there)).as_dict())
    assert "proxy.example.test" in shown
    assert not [
        secret
        for secret in ("pr0xyvalue", "p4ssvalue", "cXdlcnR5", "s3cretvalue", "from-the-table", "t0kenvalue99", "h4shvalue")
        if secret in shown
    ]


def test_this_very_machine_can_be_looked_at() -> None:
    """Whatever it is: the survey ends, and is plain data."""
    from ansible_collections.latentum.ops.plugins.module_utils.adopt.host import SurveyedHost

    host = SurveyedHost()
    vars(host)["engine"] = None  # tests ask no engine
    assert json.dumps(survey(host).as_dict())


LOOKING = """
import json, sys
seen = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(["write", str(arguments[0])])
    elif event in {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.chown", "shutil.move"}:
        seen.append([event, str(arguments[0])])
    elif event == "subprocess.Popen":
        seen.append(["run", list(arguments[1])])
sys.path.insert(0, sys.argv[1])
from ansible_collections.latentum.ops.plugins.module_utils.adopt.host import SurveyedHost
from ansible_collections.latentum.ops.plugins.module_utils.adopt.judgement import judge
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.survey import survey
sys.dont_write_bytecode = True
sys.addaudithook(watch)
host = SurveyedHost()
vars(host)["engine"] = None
judge(host, survey(host), json.loads(sys.argv[2]), [])
print(json.dumps(seen))
"""
# Programs that only print, with the arguments by which they do.
PRINTS = {
    ("iptables-save",), ("ip6tables-save",), ("nft", "--json", "list", "ruleset"), ("nginx", "-T"), ("sshd", "-T"),
    ("/usr/sbin/sshd", "-T"),
    ("apt-config", "dump"), ("ss", "-Hltnp"), ("ss", "-Hlunp"), ("dpkg-query", "--show"), ("systemctl", "show"), ("journalctl", "--quiet"),
    ("stat",), ("docker", "info"),
    ("ip", "-json", "-6", "route", "show"), ("ip", "-json", "-6", "address", "show"),
}  # fmt: skip


def test_nothing_is_written_by_looking(wishes: Wishes) -> None:
    """All that Python opens, makes and runs, on this very machine."""
    wanted = json.dumps({role: values for role, values in wishes()["wanted"].items() if role != "stack"})
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-B", "-c", LOOKING, str(root / ".collections"), wanted], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    programs = [tuple(argv) for kind, argv in seen if kind == "run"]
    assert [entry for entry in seen if entry[0] != "run"] == []
    assert len(programs) > 5 and [argv for argv in programs if not any(argv[: len(known)] == known for known in PRINTS)] == []
