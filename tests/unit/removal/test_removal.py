# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack is taken away, on real files: all of it, nothing of another, from any point on, and nothing where it is only looked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError, NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths, process
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld, stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.delivery import settings as delivery_settings
from ansible_collections.latentum.ops.plugins.module_utils.firewall import policy
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer, sections, service_units, shares, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import write
from ansible_collections.latentum.ops.plugins.module_utils.nginx import drain, shared_sites, site_file, sync, writer
from ansible_collections.latentum.ops.plugins.module_utils.removal import host as removal_host
from ansible_collections.latentum.ops.plugins.module_utils.removal import stack as removal
from ansible_collections.latentum.ops.plugins.module_utils.removal import web
from ansible_collections.latentum.ops.plugins.module_utils.removal.report import Report
from ansible_collections.latentum.ops.plugins.module_utils.removal.stack import RemovalRefused, Wish, remove
from ansible_collections.latentum.ops.plugins.module_utils.rotation.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.secretstore import versions
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import Made
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store as SecretStore
from ansible_collections.latentum.ops.plugins.module_utils.slo import settings as slo_settings
from ansible_collections.latentum.ops.plugins.module_utils.tls import certificates

FORWARDING = "AllowTcpForwarding local\nPermitOpen 127.0.0.1:5432 127.0.0.1:5434\n"
JAILS = "[DEFAULT]\nusedns = no\n\n[sshd]\nenabled = true\n\n[nginx-botsearch]\nenabled = true\n\n[nginx-limit-req]\nenabled = true\n"
PROJECT = "com.docker.compose.project"


class Api:
    """Docker's engine as a table of what it has."""

    def __init__(self, stacks: list[str]) -> None:
        self.there = {
            "containers": {f"{stack}-web-1": stack for stack in stacks},
            "networks": {f"{stack}_default": stack for stack in stacks},
            "volumes": {f"{stack}_data": stack for stack in stacks},
        }
        self.joined: set[str] = set()

    def _of(self, kind: str, filters: Mapping[str, Any] | None) -> list[str]:
        wanted = (filters or {})["label"][0].partition("=")[2]
        return [name for name, stack in self.there[kind].items() if stack == wanted]

    def containers(self, all: bool = False, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [{"Id": name} for name in self._of("containers", filters)]

    def inspect_container(self, identity: str) -> dict[str, Any]:
        if identity not in self.there["containers"]:
            raise NotFound("no such container")
        labels = {PROJECT: self.there["containers"][identity], "com.docker.compose.service": "web"}
        state = {"Status": "running", "StartedAt": "2026-01-01T00:00:00Z"}
        network = {"Networks": {}}
        config = {"Labels": labels, "Image": "x:1"}
        return {"Id": identity, "Name": f"/{identity}", "Image": "sha256:1", "Config": config, "State": state, "NetworkSettings": network}

    def networks(self, filters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [{"Name": name, "Labels": {}} for name in self._of("networks", filters)]

    def volumes(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {"Volumes": [{"Name": name} for name in self._of("volumes", filters)] or None}

    def stop(self, identity: str, timeout: int = 10) -> None:
        assert identity in self.there["containers"]

    def remove_container(self, identity: str, force: bool = False, v: bool = False) -> None:
        del self.there["containers"][identity]

    def remove_network(self, name: str) -> None:
        if name in self.joined:
            raise EngineError("has active endpoints", 403)
        del self.there["networks"][name]

    def remove_volume(self, name: str) -> None:
        del self.there["volumes"][name]


class Host:
    """A host with the shop and the blog."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.ran: list[str] = []
        self.api = Api(["shop", "blog"])
        self.engine = Engine.__new__(Engine)
        self.engine.api = self.api  # type: ignore[assignment]
        self.policies: list[str] = []
        self.dies_at = ""
        folders = {
            paths: ("SHARES", "STACKS", "UPSTREAMS", "RELEASES", "BUILDS", "SECRETS", "ROTATIONS"),
            site_file: ("SITES",),
            sync: ("RENDERED",),
        }
        for module, names in folders.items():
            for name in names:
                monkeypatch.setattr(module, name, root / name.lower())
                (root / name.lower()).mkdir()
        monkeypatch.setattr(sync, "CONFIGURATION", root / "upstreams")
        for module, name in (
            (revert_timer, "FOLDER"),
            (locks, "FOLDER"),
            (removal, "FOLDER"),
            (removal_host, "WATCHDOG"),
            (removal_host, "MONITORING"),
            (removal_host, "EXPORTERS"),
            (removal_host, "QUERIES"),
            (removal_host, "BACKUP"),
            (slo_settings, "FOLDER"),
        ):
            monkeypatch.setattr(module, name, root / f"{module.__name__.rpartition('.')[2]}_{name.lower()}")
        for folder in (
            removal_host.WATCHDOG,
            removal_host.MONITORING / "rules",
            removal_host.EXPORTERS,
            removal_host.QUERIES,
            removal_host.BACKUP,
            slo_settings.FOLDER,
            root / "units/multi-user.target.wants",
        ):
            folder.mkdir(parents=True)
        monkeypatch.setattr(removal_host, "UNITS", root / "units")
        monkeypatch.setattr(revert_timer, "UNITS", root / "units")
        monkeypatch.setattr(writer, "WRITER_LOCK", root / "writer.lock")
        monkeypatch.setattr(drain, "PID_FILE", root / "nginx.pid")
        for module in (transaction, revert_timer, service_units, web):
            monkeypatch.setattr(module, "run", self.run)
        layout = certificates.Layout(root / "tls", root / "letsencrypt")
        monkeypatch.setattr(web, "Layout", lambda: layout)
        self.layout = layout
        monkeypatch.setattr(policy, "of_host", lambda: policy.Policy([]))
        monkeypatch.setattr(policy, "apply", self.firewall)
        for stack in ("shop", "blog"):
            self.deploy(stack)

    def run(self, argv: Any, **_options: Any) -> process.Result:
        line = " ".join(map(str, argv))
        self.ran.append(line)
        if self.dies_at and self.dies_at in line:
            raise KeyboardInterrupt
        if argv[:2] == ["systemctl", "show"]:
            names = list(argv[argv.index("--") + 1 :])
            blocks = [
                f"Id={name}\nLoadState=loaded\nActiveState={'active' if (self.root / 'units' / name).exists() else 'inactive'}"
                f"\nUnitFileState={'enabled' if (self.root / 'units' / name).exists() else 'static'}"
                for name in names
            ]
            return process.Result(tuple(argv), 0, "\n\n".join(blocks), "")
        if argv[0] == "certbot":
            for path in (self.layout.renewal(argv[-1]), *self.layout.live(argv[-1]).glob("*")):
                path.unlink()
            self.layout.live(argv[-1]).rmdir()
        return process.Result(tuple(argv), 0, "", "")

    def firewall(self, _policy: policy.Policy, *, check_mode: bool = False, without: str = "") -> policy.Outcome:
        self.policies.append(f"{without}{' (check)' if check_mode else ''}")
        if not check_mode:
            shares.path_of(without, "firewall").unlink()
        return policy.Outcome("allow in 443\nallow in 9443\n", "allow in 443\n")

    def deploy(self, stack: str) -> None:
        root, domain = self.root, f"{stack}.example.com"
        (root / f"opt/{stack}").mkdir(parents=True)
        for name in ("compose.yaml", ".env"):
            (root / f"opt/{stack}" / name).write_text("# Written by latentum.ops\n")
        (root / f"stacks/{stack}.json").write_text(json.dumps({"name": stack, "directory": str(root / f"opt/{stack}"), "services": []}))
        (root / f"releases/{stack}/releases/abc").mkdir(parents=True)
        (root / f"builds/{stack}").mkdir()
        (root / f"builds/{stack}/records.json").write_text("[]")
        (root / f"upstreams/{stack}.json").write_text(json.dumps([{"name": f"{stack}_web_80"}]))
        (root / f"rendered/{stack}_web_80.conf").write_text("server 10.0.0.1:80 max_fails=0;")
        for name in (domain, f"shared-{stack}"):
            certificate = "shared" if name.startswith("shared") else domain
            (root / f"sites/{name}.conf").write_text(
                f"ssl_certificate /etc/latentum-ops/tls/{certificate}/fullchain.pem;\nserver_name {name};\nlocation / {{\n"
                f"  proxy_pass http://{stack}_web_80;\n}}\n"
            )
        for certificate in (domain, "shared"):
            self.layout.live(certificate).mkdir(parents=True, exist_ok=True)
            for name in ("fullchain.pem", "privkey.pem"):
                (self.layout.live(certificate) / name).write_text("")
            self.layout.renewal(certificate).parent.mkdir(exist_ok=True)
            self.layout.renewal(certificate).write_text("")
            self.layout.tls.mkdir(exist_ok=True)
            if not self.layout.link(certificate).is_symlink():
                self.layout.link(certificate).symlink_to(self.layout.live(certificate))
        (removal_host.WATCHDOG / f"{stack}.json").write_text("{}")
        (removal_host.EXPORTERS / f"{stack}.json").write_text("[]")
        (removal_host.QUERIES / f"{stack}.db.yml").write_text("{}")
        for kind in ("stack", "slo"):
            (removal_host.MONITORING / f"rules/{kind}-{stack}.yml").write_text("groups: []")
        (removal_host.BACKUP / f"{stack}.json").write_text("{}")
        slo_settings.file_of(stack).write_text("{}")
        timers = (f"latentum-ops-backup@{stack}.timer", f"latentum-ops-backup@{stack}.files.timer", f"latentum-ops-push@{stack}.timer")
        for name in timers:
            (root / "units" / name).write_text("")
        (root / "jail.local").write_text(JAILS)
        own = {"nginx-botsearch": "[nginx-botsearch]\n"} | ({"nginx-limit-req": "[nginx-limit-req]\n"} if stack == "shop" else {})
        for entry in shares.entries("fail2ban", {stack: {"sections": {str(root / "jail.local"): own}}}):
            write(entry)
        (root / "sshd.conf").write_text(FORWARDING)
        ports = ["127.0.0.1:5432", *(["127.0.0.1:5434"] if stack == "shop" else [])]
        mine = {"directive": "PermitOpen", "after": "AllowTcpForwarding", "words": ports}
        for entry in shares.entries("sshd", {stack: {"words": {str(root / "sshd.conf"): mine}}}):
            write(entry)
        for entry in shares.entries("firewall", {stack: {"rules": []}}):
            write(entry)
        store = SecretStore(stack, paths.SECRETS)
        with store.locked():
            consumers = [{"service": "web", "uid": 0, "gid": 0}]
            store.ensure([{"name": "token", "kind": "token", "bytes": 32, "encoding": "hex", "consumers": consumers, "environment": []}])

    def tree(self) -> dict[str, str]:
        """Everything that is there, without locks."""
        files = {
            str(path.relative_to(self.root)): path.read_text(errors="replace")
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and "lock" not in path.name and ".locks" not in str(path)
        }
        return files | {f"{kind}: {name}": "" for kind, names in self.api.there.items() for name in names}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def left_of(host: Host, stack: str) -> list[str]:
    return [path for path in host.tree() if stack in path]


def test_a_look_says_what_would_go_and_changes_nothing(host: Host) -> None:
    before = host.tree()
    report = remove(Wish("shop", volumes=True), host.engine, check=True)
    assert host.tree() == before
    assert host.policies == ["shop (check)"] and not any("reload" in line or "certbot" in line for line in host.ran)
    assert report.gone["site"] == ["shared-shop", "shop.example.com"]
    assert report.gone["container"] == ["shop-web-1"] and report.gone["volume"] == ["shop_data"]
    assert report.gone["certificate"] == ["shop.example.com"] and report.gone["jail"] == ["nginx-limit-req"]
    assert report.gone["forwarding"] == ["127.0.0.1:5434"]
    assert report.gone["firewall rule"] == ["allow in 9443"]


def test_all_of_it_goes_and_nothing_of_another_stack(host: Host) -> None:
    blog = {path: content for path, content in host.tree().items() if "blog" in path}
    report = remove(Wish("shop"), host.engine)
    assert {path: content for path, content in host.tree().items() if "blog" in path} == blog
    assert left_of(host, "shop") == [
        "secrets/shop/.store.key",
        "secrets/shop/metadata.json",
        "secrets/shop/retired/token",
        "volumes: shop_data",
    ]
    assert report.left["volume"] == ["shop_data"] and "keys of backups" in report.left["secrets"][0]
    assert (host.root / "jail.local").read_text() == JAILS.replace("\n[nginx-limit-req]\nenabled = true\n", "")
    assert (host.root / "sshd.conf").read_text() == FORWARDING.replace(" 127.0.0.1:5434", ""), "the other needs 5432, too"
    assert "systemctl start --no-block latentum-ops-database-exporters.service" in host.ran
    assert host.ran.index("sshd -t") < host.ran.index("systemctl reload ssh.service")
    assert host.layout.renewal("shared").exists() and host.layout.link("shared").exists()
    assert not (host.root / "opt/shop").exists()


def test_traffic_goes_before_containers_and_is_tested_by_nginx(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.api, "stop", lambda identity, timeout=10: host.ran.append(f"stop {identity}"))
    waited: list[Any] = []
    monkeypatch.setattr(drain, "wait", lambda before, addresses, timeout: waited.append((addresses, timeout, list(host.ran))))
    remove(Wish("shop", drain=7), host.engine)
    ((addresses, timeout, ran),) = waited
    assert (addresses, timeout) == ({"10.0.0.1:80"}, 7)
    assert "stop shop-web-1" not in ran and ran.index("nginx -t -q") < ran.index("systemctl reload nginx.service")
    assert "stop shop-web-1" in host.ran


@pytest.mark.parametrize(("there", "reloaded"), [((), "prometheus"), (("vmalert",), "vmalert"), (("prometheus",), "prometheus")])
def test_rules_go_from_whatever_evaluates_them(host: Host, there: tuple[str, ...], reloaded: str) -> None:
    for name in there:
        (host.root / f"units/latentum-ops-{name}.service").write_text("")
    remove(Wish("shop"), host.engine)
    assert [line for line in host.ran if line.startswith("systemctl reload latentum-ops-") and "watchdog" not in line] == [
        f"systemctl reload latentum-ops-{reloaded}.service"
    ]


def test_a_second_removal_has_nothing_to_do(host: Host) -> None:
    remove(Wish("shop"), host.engine)
    before = host.tree()
    report = remove(Wish("shop"), host.engine)
    assert report.gone == {} and host.tree() == before and report.left.keys() == {"volume", "secrets"}


def test_what_is_wished_besides_goes_later_too(host: Host) -> None:
    remove(Wish("shop"), host.engine)
    report = remove(Wish("shop", volumes=True, secrets=True), host.engine)
    assert report.gone.keys() == {"volume", "secrets"} and left_of(host, "shop") == []


def test_of_a_name_that_stacks_share_only_its_own_paths_go(host: Host) -> None:
    """And the server block passes on with its certificate, in the same reload."""

    def site(stack: str, path: str) -> str:
        begin, end = ("    # Begin: in the server block\n", "    # End: in the server block\n") if path != "/" else ("", "")
        location = f"{begin}    location {path} {{\n        proxy_pass http://{stack}_web_80;\n    }}\n{end}"
        certificate = "    ssl_certificate /etc/latentum-ops/tls/shop.example.com/fullchain.pem;\n"
        return f"# Of stack {stack}\nserver {{\n{certificate}    server_name shop.example.com;\n{location}}}\n"

    for entry in shared_sites.entries({"shop.example.com": {"shop": site("shop", "/"), "blog": site("blog", "/blog/")}}):
        write(entry)
    there = {path.name for path in (site_file.SITES / "shop.example.com.d").iterdir()}
    assert there == {"blog.site", "blog.http", "blog.paths"}
    report = remove(Wish("shop"), host.engine)
    assert report.gone["site"] == ["shared-shop", "shop.example.com"] and "certificate" not in report.gone
    assert shared_sites.contents("blog", ["shop.example.com"]) == {"shop.example.com": site("blog", "/blog/")}
    assert (site_file.SITES / "shop.example.com.conf").read_text().startswith("# Of stack blog")
    assert not (site_file.SITES / "shop.example.com.d").exists()
    assert host.layout.link("shop.example.com").exists() and host.layout.renewal("shop.example.com").exists()
    assert remove(Wish("shop"), host.engine).gone == {}
    gone = remove(Wish("blog"), host.engine).gone
    assert gone["site"] == ["blog.example.com", "shared-blog", "shop.example.com"] and "shop.example.com" in gone["certificate"]
    assert not (site_file.SITES / "shop.example.com.conf").exists()


KILLS = (
    "reload latentum-ops-watchdog",
    "reload latentum-ops-prometheus",
    "stop -- latentum-ops-push",
    "daemon-reload",
    "nginx -t",
    "reload nginx",
    "fail2ban-client -t",
    "sshd -t",
    "certbot delete",
)


@pytest.mark.parametrize("command", KILLS)
def test_a_removal_that_was_killed_is_finished_by_the_next_one(host: Host, command: str) -> None:
    host.dies_at = command
    with pytest.raises(KeyboardInterrupt):
        remove(Wish("shop", volumes=True, secrets=True), host.engine)
    host.dies_at = ""
    remove(Wish("shop", volumes=True, secrets=True), host.engine)
    assert left_of(host, "shop") == []
    assert not host.layout.renewal("shop.example.com").exists()
    assert remove(Wish("shop", volumes=True, secrets=True), host.engine).gone == {}


def test_a_rotation_of_secrets_ends_with_its_timer_and_its_values(host: Host) -> None:
    wants, timer = host.root / "units/timers.target.wants", "latentum-ops-rotation@shop.timer"
    wants.mkdir()
    for path in (wants / timer, host.root / "units" / timer):
        path.write_text("")
    Journal("shop").write(step="begun")
    store = SecretStore("shop", paths.SECRETS)
    versions.write(store.folder, "token", versions.PREVIOUS, Made("the value before", {}))
    assert any(timer in step for step in remove(Wish("shop"), host.engine, check=True).gone["unit"]) and not any(
        timer in line and "stop" in line for line in host.ran
    )
    remove(Wish("shop"), host.engine)
    assert any(timer in line and "stop" in line for line in host.ran)
    assert versions.present(store.folder) == [] and Journal("shop").read() == []


def test_files_of_others_in_its_folder_stay(host: Host) -> None:
    (host.root / "opt/shop/notes.txt").write_text("mine")
    (host.root / "opt/shop/.env").write_text("WRITTEN=by hand\n")
    report = remove(Wish("shop"), host.engine)
    assert sorted(path.name for path in (host.root / "opt/shop").iterdir()) == [".env", "notes.txt"]
    assert "files of others" in report.left["folder"][0]


def test_a_network_that_another_project_uses_stays(host: Host) -> None:
    host.api.joined.add("shop_default")
    report = remove(Wish("shop"), host.engine)
    assert "another project is in it" in report.left["network"][0] and "shop_default" in host.api.there["networks"]


def test_somebody_works_on_it(host: Host) -> None:
    before = host.tree()
    with stack_lock("shop", "rollout", what="deploys"), pytest.raises(LockHeld, match="locked by rollout"):
        remove(Wish("shop", wait=0), host.engine)
    assert host.tree() == before
    with stack_lock("blog", "rollout"):
        assert remove(Wish("shop", wait=0), host.engine).gone  # another stack's lock is none of ours


def test_a_firewall_that_nobody_has_recorded_is_left_to_its_role(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "of_host", lambda: None)
    report = remove(Wish("shop"), host.engine)
    assert "role firewall" in report.left["firewall rules"][0] and host.policies == []


def test_a_host_without_an_engine(host: Host) -> None:
    assert "container" not in remove(Wish("shop"), None).gone


@pytest.mark.parametrize("name", ["", "Shop", "../etc", "shop.example.com", "-x"])
def test_what_is_no_name_is_refused(host: Host, name: str) -> None:
    with pytest.raises(RemovalRefused, match="write one of blog, shop"):
        remove(Wish(name), host.engine)


def test_sections_without_a_stack_keep_the_rest_as_it_is(host: Host) -> None:
    entries, recorded, names = sections.without("fail2ban", "blog")
    assert (entries, names) == ([], []), "the shop needs its only jail, too"
    assert [entry.state for entry in recorded] == ["absent"]


def test_releases_come_to_it_no_more_and_those_of_others_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_settings, "FOLDER", tmp_path / "delivery")
    monkeypatch.setattr(paths, "DELIVERIES", tmp_path / "queue-of-all")
    monkeypatch.setattr(paths, "DELIVERED", tmp_path / "releases")
    asked: list[bool] = []

    def applied(wanted: transaction.ConfigSet, *, check_mode: bool) -> None:
        asked.append(check_mode)
        for entry in () if check_mode else wanted.entries:
            entry.path.unlink()

    monkeypatch.setattr(removal_host, "apply", applied)
    for stack in ("shop", "blog"):
        (paths.DELIVERIES / "queue" / stack).mkdir(parents=True)
        for path in (delivery_settings.file_of(stack), paths.DELIVERED / f"{stack}.yml", paths.DELIVERIES / "queue" / stack / "1.json"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
    checked, done = Report(check=True), Report()
    removal_host.deliveries("shop", checked)
    assert delivery_settings.stacks() == ["blog", "shop"]
    removal_host.deliveries("shop", done)
    assert checked.gone == done.gone and len(done.gone["deliveries"]) == 3 and asked == [True, False]
    assert delivery_settings.stacks() == ["blog"] and [path.name for path in (paths.DELIVERIES / "queue").iterdir()] == ["blog"]
    assert [path.name for path in paths.DELIVERED.iterdir()] == ["blog.yml"]
