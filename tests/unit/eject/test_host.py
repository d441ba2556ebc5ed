# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ejection on a host, its folders below a folder of the test; programs of the host are written down in place of being run."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.backup import barman, settings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.carried_files import EXTENSION
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import Routes
from ansible_collections.latentum.ops.plugins.module_utils.core import atomic_files, locks, paths
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.eject import host, nginx_files
from ansible_collections.latentum.ops.plugins.module_utils.eject.host import Ejection, was_ejected
from ansible_collections.latentum.ops.plugins.module_utils.eject.project import NotEjected
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import entries, transaction
from ansible_collections.latentum.ops.plugins.module_utils.nginx import ownership, shared_sites, site_file, sync, writer
from ansible_collections.latentum.ops.plugins.module_utils.release import publish
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.tls import certificates

from .test_left import BACKUPS, PROJECT, SERVICES, SITE, UPSTREAMS


class Host:
    """A host with one stack that has everything.

    :ivar did: the programs that were run.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.did = root, list[str]()
        etc = root / "etc/latentum-ops"
        places = {
            (paths, "RELEASES"): root / "var/stacks",
            (paths, "SECRETS"): etc / "secrets",
            (paths, "STACKS"): etc / "stacks",
            (settings, "FOLDER"): etc / "backup",
            (barman, "CONFIGURATION"): etc / "barman",
            (locks, "FOLDER"): root / "run",
            (sync, "CONFIGURATION"): etc / "upstreams",
            (sync, "RENDERED"): root / "etc/nginx/upstreams.d",
            (writer, "WRITER_LOCK"): root / "run/upstreams.lock",
            (site_file, "SITES"): root / "etc/nginx/sites.d",
            (host, "UNITS"): root / "etc/systemd/system",
            (host, "HOOKS"): root / "etc/letsencrypt/renewal-hooks/deploy",
            (host, "CONFIGURATION"): etc,
            (host, "SYSUSERS"): root / "etc/sysusers.d/latentum.conf",
            (host, "HOME"): root / "usr/lib/latentum-ops",
            (host, "SHARE"): root / "usr/share",
            (host, "COMMAND"): root / "usr/local/sbin/opsctl",
            (host, "KNOWN_HOSTS"): etc / "backup/known_hosts",
        }
        for (module, name), path in places.items():
            monkeypatch.setattr(module, name, path)
        monkeypatch.setattr(host, "Layout", lambda: certificates.Layout(etc / "tls", root / "etc/letsencrypt"))
        monkeypatch.setattr(nginx_files, "CERTIFICATE", nginx_files.CERTIFICATE)
        monkeypatch.setattr(atomic_files.os, "fchown", lambda *_given: None)
        monkeypatch.setattr(host, "listened", set)
        monkeypatch.setattr(host.containment, "lift_egress", lambda stack: self.did.append(f"lift the egress of {stack}"))
        for module in (host, transaction):
            monkeypatch.setattr(module, "run", self.run)
        self.directory = root / "opt/shop"
        self._fill(etc)

    def run(self, argv: Sequence[str], **_options: Any) -> Result:
        self.did.append(" ".join(argv))
        return Result(list(argv), 0, "", "")

    def _fill(self, etc: Path) -> None:
        text = json.dumps(PROJECT).replace("/etc/latentum-ops/secrets", str(etc / "secrets"))
        routes = Routes(tuple(one.to_dict() for one in UPSTREAMS), {"shop.example.com": SITE})
        self.live = Release("shop", str(self.directory), json.loads(text), {"TAG": "1"}, SERVICES, [], routes=routes)
        self.deploy(self.live)
        backups = BACKUPS.to_dict()
        files = {
            **dict.fromkeys(["etc/latentum-ops/secrets/shop/services/web/token", "etc/latentum-ops/secrets/shop/redis"], "hunter2"),
            **{f"etc/latentum-ops/secrets/shop/{name}": "x" for name in ("backup_key_nas", "nas_key", "backup_key_s3_eu", "s3")},
            "etc/latentum-ops/secrets/shop/env/api.env": "TOKEN=hunter2\n",
            "etc/latentum-ops/backup/shop.json": json.dumps(backups).replace("/etc/latentum-ops/secrets", str(etc / "secrets")),
            "etc/latentum-ops/backup/known_hosts": "nas ssh-ed25519 AAAA\n",
            "etc/latentum-ops/watchdog/shop.json": "{}",
            "etc/latentum-ops/slo/shop.json": "{}",
            "etc/latentum-ops/upstreams/shop.json": json.dumps([one.to_dict() for one in UPSTREAMS]),
            "etc/latentum-ops/disk-guard.json": "{}",
            "etc/latentum-ops/tls/shop.example.com/fullchain.pem": "certificate",
            "etc/latentum-ops/tls/shop.example.com/privkey.pem": "key",
            "etc/nginx/sites.d/shop.example.com.conf": SITE,
            "etc/nginx/upstreams.d/shop_web_8080.conf": "upstream shop_web_8080 { server 172.18.0.5:8080; }\n",
            "etc/systemd/system/latentum-ops-watchdog.service": "[Service]\n",
            "etc/systemd/system/latentum-ops-steward.path": "[Path]\n",
            "etc/systemd/system/nginx.service.d/10-latentum-ops.conf": "[Service]\nExecReload=\nExecReload=/x\nRestart=always\n",
            "etc/letsencrypt/renewal-hooks/deploy/latentum-ops": "#!/bin/sh\n",
            "etc/letsencrypt/renewal/shop.example.com.conf": "",
            "usr/lib/latentum-ops/latentum_ops/cli/__main__.py": "",
            "usr/local/sbin/opsctl": "#!/bin/sh\n",
            "usr/share/bash-completion/completions/opsctl": "complete opsctl\n",
        }
        for name, content in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(content)
        (self.root / "run").mkdir()

    def deploy(self, release: Release) -> None:
        """As a rollout leaves it."""
        store = Store("shop")
        store.save(release)
        store.mark(release.id, GOOD)
        store.set_live(release.id)
        publish.write(release)

    def rolled_out(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
        """The rollout between the halves, and every port answers; returns which were asked."""
        arguments = Ejection("shop").rollout()
        self.deploy(replace(self.live, project=arguments["compose"]))
        asked: list[tuple[str, int]] = []

        class Answer:
            def close(self) -> None:
                pass

        monkeypatch.setattr(socket, "create_connection", lambda address, _timeout: (asked.append(address), Answer())[1])
        return asked

    def files(self) -> dict[str, str]:
        every = {str(path.relative_to(self.root)): path for path in self.root.rglob("*") if path.is_file()}
        return {name: path.read_text() for name, path in every.items() if not name.startswith("run/")}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_check_mode_says_everything_and_changes_nothing(here: Host) -> None:
    before = here.files()
    ejection = Ejection("shop")
    first, second = ejection.prepare(check=True), ejection.finish(check=True)
    assert here.files() == before and here.did == []
    assert [change.entry.path.name for change in first.changes if change.entry.state == "file"]
    changed = {str(change.entry.path.relative_to(here.root)) for change in second.changes}
    assert {"opt/shop/README.md", "etc/nginx/sites.d/shop.example.com.conf", "etc/systemd/system/shop-backup.timer"} <= changed
    assert "latentum-ops-watchdog.service" in second.units and str(here.root / "usr/lib/latentum-ops") in second.removed
    assert any("healing" in line for line in second.lost)


def test_what_is_prepared_stands_beside_what_runs(here: Host) -> None:
    before = here.files()
    Ejection("shop").prepare(check=False)
    added = {name: text for name, text in here.files().items() if name not in before and not name.endswith("/ejected.json")}
    keys = {f"backup/{name}" for name in ("redis", "backup_key_nas", "nas_key", "backup_key_s3_eu", "s3")}
    assert {name.removeprefix("opt/shop/secrets/") for name in added} == {"services/web/token", "env/api.env", *keys}
    assert here.files() | added == here.files() and all(here.files()[name] == text for name, text in before.items())
    assert (here.directory / "secrets").stat().st_mode & 0o777 == 0o700
    assert Ejection("shop").prepare(check=False).changes == []


def test_the_rollout_gets_ports_a_waiver_for_them_and_nothing_secret(here: Host) -> None:
    arguments = Ejection("shop").rollout()
    assert arguments["compose"]["services"]["web"]["ports"] == ["127.0.0.1:18080-18081:8080"]
    assert {policy["service"]: policy["allow"] for policy in arguments["policies"]} == {"web": ["host_port"], "api": ["host_port"]}
    assert "hunter2" not in json.dumps(arguments)


def test_without_the_rollout_nothing_is_taken_away(here: Host) -> None:
    Ejection("shop").prepare(check=False)
    before = here.files()
    with pytest.raises(NotEjected, match="run the rollout first"):
        Ejection("shop").finish(check=False)
    assert here.files() == before and here.did == []


def test_a_service_that_does_not_answer_at_its_port_leaves_nginx_as_it_was(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    before = here.files()

    def refused(address: tuple[str, int], _timeout: float) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(NotEjected, match="web does not answer at 127"):
        Ejection("shop").finish(check=False)
    assert here.files() == before and here.did == []


def test_the_last_stack_takes_the_engine_with_it(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    Ejection("shop").prepare(check=False)
    asked = here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    files = here.files()
    assert len(asked) == 3  # two containers of web, and one of api
    # The follower ends before nginx is changed, and nginx is tested before it is reloaded; the engine goes last.
    order = [
        here.did.index(next(line for line in here.did if words in line))
        for words in (
            "disable --now latentum-ops-watchdog.service",
            "lift the egress of shop",
            "nginx -t",
            "reload nginx",
            "enable --now shop-backup.timer",
            "userdel",
        )
    ]
    assert order == sorted(order)
    left = [name for name in files if "latentum" in name or "opsctl" in name]
    assert set(left) == {"etc/systemd/system/nginx.service.d/10-latentum-ops.conf", "etc/latentum-ops/disk-guard.json"}
    assert f"server 127.0.0.1:{asked[0][1]};" in files["etc/nginx/upstreams.d/shop_web_8080.conf"]
    assert f"{here.root}/etc/letsencrypt/live/shop.example.com/fullchain.pem" in files["etc/nginx/sites.d/shop.example.com.conf"]
    assert "ExecReload" not in files["etc/systemd/system/nginx.service.d/10-latentum-ops.conf"]
    assert "systemctl reload nginx" in files["etc/letsencrypt/renewal-hooks/deploy/reload-nginx"]
    project = yaml.safe_load(files["opt/shop/compose.yaml"])
    assert files["opt/shop/compose.yaml"].startswith("# Left by latentum.ops") and "opsctl" not in files["opt/shop/compose.yaml"]
    assert project["services"]["web"]["image"].endswith("a" * 64) and project["services"]["web"]["deploy"]["replicas"] == 2
    assert str(here.root / "etc/latentum-ops") not in files["opt/shop/compose.yaml"] + files["opt/shop/backup/backup.sh"]
    assert "127.0.0.1:" in files["opt/shop/README.md"] and "Backups" in files["opt/shop/README.md"]
    assert any(name.startswith("opt/shop/history/releases/") for name in files) and was_ejected("shop", here.directory)


def test_who_has_come_back_can_leave_again_and_keeps_the_former_history(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    history = here.directory / "history"
    (history / "releases").mkdir(parents=True)
    assert not was_ejected("shop", here.directory)  # its releases are the engine's again
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    assert was_ejected("shop", here.directory)
    assert (here.directory / "history-2/releases").is_dir() and list((history / "releases").iterdir()) == []


def test_files_that_the_release_carries_go_along(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their store goes with the releases, and a host that boots would mount empty folders in their place."""
    conf, again = (paths.RELEASES / "shop/files" / digest for digest in ("0" * 12, "a" * 12))
    for folder, content in ((conf, "workers 4;"), (again, "level info;")):
        (folder / "conf").mkdir(parents=True)
        (folder / "conf/web.conf").write_text(content)
        (folder / "conf/web.conf").chmod(0o640)
    (again / ".untold").touch()
    project = json.loads(json.dumps(here.live.project))
    mounts = [f"{conf}/conf/web.conf:/etc/web.conf:ro", {"type": "bind", "source": f"{again}/conf", "target": "/etc/again"}]
    project["services"]["web"]["volumes"] = mounts
    project["configs"] = {"web": {"file": f"{conf}/conf/web.conf"}}
    project[EXTENSION] = {"reload": [{"path": f"{again}/conf", "source": f"{conf}/conf", "service": "web", "signal": "HUP"}]}
    here.live = replace(here.live, project=project)
    here.deploy(here.live)
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    left = yaml.safe_load((here.directory / "compose.yaml").read_text())
    sources = ["./files/000000000000/conf/web.conf", "./files/aaaaaaaaaaaa/conf"]
    assert left["services"]["web"]["volumes"] == [f"{sources[0]}:/etc/web.conf:ro", {**mounts[1], "source": sources[1]}]
    assert left["configs"] == {"web": {"file": sources[0]}} and EXTENSION not in left
    assert str(here.root) not in (here.directory / "compose.yaml").read_text()
    web = here.directory / sources[0]
    assert web.read_text() == "workers 4;" and web.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (here.directory / sources[1]).parent.iterdir()] == ["conf"]


def test_runs_of_other_stacks_leave_the_sites_of_an_ejected_one(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    monkeypatch.setattr(paths, "UPSTREAMS", here.root / "etc/latentum-ops/upstreams")
    with ownership.undisturbed(["blog"]) as kept:
        assert site_file.SITES / "shop.example.com.conf" in kept
    assert sync.stale([]) == []


def test_containers_stay_with_the_definition_that_the_rollout_gave_them(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker compose up -d` right after it creates nothing anew: the file says what the rollout's said."""
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    live = Store("shop").live()
    Ejection("shop").finish(check=False)
    assert live is not None and yaml.safe_load((here.directory / "compose.yaml").read_text()) == live.project


def test_other_stacks_keep_the_engine(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (paths.STACKS / "blog.json").write_text(json.dumps({"name": "blog", "directory": "/opt/blog", "services": [], "domains": []}))
    (paths.SECRETS / "blog").mkdir()
    (paths.SECRETS / "blog/key").write_text("of another")
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    outcome = Ejection("shop").finish(check=False)
    files = here.files()
    assert {"usr/local/sbin/opsctl", "etc/latentum-ops/secrets/blog/key", "etc/latentum-ops/stacks/blog.json"} <= set(files)
    assert "etc/letsencrypt/renewal-hooks/deploy/latentum-ops" in files and "ExecReload=/x" in str(files)
    assert not any("latentum-ops-watchdog" in line or "userdel" in line for line in here.did)
    assert not any("shop" in name for name in files if name.startswith("etc/latentum-ops"))
    assert outcome.units == [f"latentum-ops-{kind}@shop.timer" for kind in ("backup", "push")] + ["latentum-ops-wal@shop.database.service"]
    assert "The engine of latentum.ops stays" in files["opt/shop/README.md"]


PART = """# Of stack shop
# Begin: beside the server block
limit_req_zone $ops_client zone=limit_shop_0:10m rate=5r/s;
# End: beside the server block
server {
    ssl_certificate /etc/latentum-ops/tls/shop.example.com/fullchain.pem;
    server_name shop.example.com;
    # Begin: in the server block
    location /shop/ {
        auth_basic_user_file /etc/latentum-ops/authentication/shop/x.htpasswd;
        proxy_pass http://shop_web_8080;
    }
    # End: in the server block
    location / {
        return 404;
    }
}
"""


def _beside_the_blog(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop has a path in the server block of the blog, both as a rollout has published them."""
    (paths.STACKS / "blog.json").write_text(json.dumps({"name": "blog", "directory": "/opt/blog", "services": [], "domains": []}))
    monkeypatch.setattr(paths, "UPSTREAMS", here.root / "etc/latentum-ops/upstreams")
    here.live = replace(here.live, routes=Routes(here.live.routes.upstreams if here.live.routes else (), {"shop.example.com": PART}))
    here.deploy(here.live)
    blog = SITE.replace("Ansible managed", "Of stack blog").replace("shop_web_8080", "blog_web_80").replace("page/shop", "page/blog")
    for entry in shared_sites.entries({"shop.example.com": {"blog": blog, "shop": PART}}):
        entries.write(entry)


def test_paths_in_the_server_block_of_another_stack_go_on(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _beside_the_blog(here, monkeypatch)
    block = site_file.SITES / "shop.example.com.conf"
    before = block.read_text()
    assert "shop.example.com.d/*.paths" in before and shared_sites.contents("shop", ["shop.example.com"])["shop.example.com"] == PART
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    there = {path.name: path.read_text() for path in shared_sites.folder("shop.example.com").iterdir()}
    assert set(there) == {"shop.http", "shop.paths"} and all(text.startswith(site_file.LEFT) for text in there.values())
    assert "/etc/nginx/authentication/shop/x.htpasswd" in there["shop.paths"] and "limit_req_zone" in there["shop.http"]
    assert block.read_text() == before and (here.root / "etc/latentum-ops/tls/shop.example.com").is_dir(), "the blog has its certificate"
    # A later run of the blog leaves them, and takes none for its own.
    blog = shared_sites.contents("blog", ["shop.example.com"])
    for entry in shared_sites.of_stack("blog", blog):
        entries.write(entry)
    assert block.read_text() == before and {path.name for path in shared_sites.folder("shop.example.com").iterdir()} == set(there)


def test_one_that_has_the_server_block_leaves_it_with_the_paths_of_others(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    _beside_the_blog(here, monkeypatch)
    blog = PART.replace("shop", "blog").replace("blog.example.com", "shop.example.com")
    for entry in shared_sites.entries({"shop.example.com": {"shop": SITE.replace("Ansible managed", "Of stack shop"), "blog": blog}}):
        entries.write(entry)
    (paths.UPSTREAMS / "blog.json").write_text(json.dumps([{"name": "blog_web_8080", "project": "blog", "service": "web", "port": 8080}]))
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    block = (site_file.SITES / "shop.example.com.conf").read_text()
    assert block.startswith(site_file.LEFT) and "shop.example.com.d/*.paths" in block
    assert {path.name for path in shared_sites.folder("shop.example.com").iterdir()} == {"blog.site", "blog.http", "blog.paths"}


def test_the_timers_of_plans_go_as_well(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    file = here.root / "etc/latentum-ops/backup/shop.json"
    plans = [{"name": name, "schedule": "daily", "retention": {"daily": 7}} for name in ("database", "files")]
    file.write_text(json.dumps({**json.loads(file.read_text()), "plans": plans}))
    timers = [f"latentum-ops-backup@shop.{name}.timer" for name in ("database", "files")]
    for name in timers:
        (here.root / "etc/systemd/system" / name).write_text("[Timer]\n")
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    assert [unit for unit in Ejection("shop").finish(check=False).units if "backup@" in unit] == timers
    assert not [name for name in here.files() if name.endswith(tuple(timers))]


def test_a_certificate_that_certbot_does_not_know_is_brought_along(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placeholder, or a certificate by hand: certbot has no folder with it."""
    (here.root / "etc/letsencrypt/renewal/shop.example.com.conf").unlink()
    monkeypatch.setattr(host, "OWN_TLS", here.root / "etc/nginx/tls")
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    files = here.files()
    assert files["etc/nginx/tls/shop.example.com/privkey.pem"] == "key"
    assert "/etc/nginx/tls/shop.example.com/fullchain.pem" in files["etc/nginx/sites.d/shop.example.com.conf"]


def test_one_of_the_operator_s_own_is_brought_along_although_certbot_has_another(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server uses that one."""
    tls = here.root / "etc/latentum-ops/tls"
    version = tls / ".own/shop.example.com/0a1b"
    version.mkdir(parents=True)
    for name in ("fullchain.pem", "privkey.pem"):
        (version / name).write_text(f"own {name}")
        (tls / "shop.example.com" / name).unlink()
    (version.parent / "current").symlink_to("0a1b")
    (tls / "shop.example.com").rmdir()
    (tls / "shop.example.com").symlink_to(version.parent / "current")
    monkeypatch.setattr(host, "OWN_TLS", here.root / "etc/nginx/tls")
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    files = here.files()
    assert files["etc/nginx/tls/shop.example.com/privkey.pem"] == "own privkey.pem"
    assert not (tls / ".own/shop.example.com").exists() and not (tls / "shop.example.com").is_symlink()


def test_users_with_passwords_and_authorities_go_along(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    own, site = here.root / "etc/latentum-ops/authentication/shop", site_file.SITES / "shop.example.com.conf"
    own.mkdir(parents=True)
    for name in ("a.htpasswd", "b.ca.pem", "policies.json"):
        (own / name).write_text(name)
    site.write_text(SITE.replace("location / {", "location / {\n auth_basic_user_file /etc/latentum-ops/authentication/shop/a.htpasswd;"))
    monkeypatch.setattr(host, "OWN_AUTHENTICATION", here.root / "etc/nginx/authentication")
    Ejection("shop").prepare(check=False)
    here.rolled_out(monkeypatch)
    Ejection("shop").finish(check=False)
    files = here.files()
    assert sorted(name for name in files if "authentication" in name) == [
        f"etc/nginx/authentication/shop/{name}" for name in ("a.htpasswd", "b.ca.pem")
    ]
    assert "auth_basic_user_file /etc/nginx/authentication/shop/a.htpasswd;" in files["etc/nginx/sites.d/shop.example.com.conf"]


def test_a_stack_whose_callers_the_engine_recognizes_does_not_leave_without_it(here: Host) -> None:
    asking = {"shop.example.com": "upstream ops_auth_shop {\n}\n" + SITE}
    here.deploy(replace(here.live, routes=Routes(here.live.routes.upstreams if here.live.routes else (), asking)))
    with pytest.raises(NotEjected, match=r"routes of shop\.example\.com recognize callers by keys"):
        Ejection("shop")


@pytest.mark.parametrize("missing", ["etc/latentum-ops/secrets/shop/services/web/token", "etc/latentum-ops/secrets/shop/backup_key_nas"])
def test_a_missing_secret_is_refused_before_anything_is_written(here: Host, missing: str) -> None:
    (here.root / missing).unlink()
    before = here.files()
    with pytest.raises(NotEjected, match="is missing: run site"):
        Ejection("shop").prepare(check=False)
    assert here.files() == before


def test_a_rollout_under_way_and_a_stack_without_a_release_are_refused(here: Host) -> None:
    Journal("shop").keep(RolloutInProgress("a", "deploy", "3f2a", None, "ops"))
    with pytest.raises(NotEjected, match="deploy of 3f2a by ops"):
        Ejection("shop")
    with pytest.raises(NotEjected, match="blog has no live release"):
        Ejection("blog")
