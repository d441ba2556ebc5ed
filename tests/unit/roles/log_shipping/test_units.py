# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of role log_shipping: what they start, what they may, and that nothing of the host's own rsyslog is touched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.logs import collector, forwarder
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import CLASSES
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Kept, Target, from_dict
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.declared import FILES, KINDS, LABELS, Sink, sink_from
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.shipper import numbers_file
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.transport import credential_name

from .receiver import CONFIG, PATIENCE, ROLE, SETTINGS, Authority, Receiver, Rendered, command, environment, needs_rsyslogd

ANALYZE = shutil.which("systemd-analyze") or ""
COLLECTOR, FORWARDER, RECEIVER, CLOSE, TIMER = UNITS = tuple(
    f"latentum-ops-log-{name}" for name in ("collector.service", "forwarder.service", "receiver.service", "close.service", "close.timer")
)
SHIPPER = "latentum-ops-log-sinks.service"
SERVICES = (COLLECTOR, FORWARDER, RECEIVER, CLOSE, SHIPPER)


def unit(rendered: Rendered, name: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in rendered.files[f"/etc/systemd/system/{name}"].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(key, []).append(value)
    return settings


def of(rendered: Mapping[str, Rendered], name: str) -> Rendered:
    return rendered[{RECEIVER: "receives", SHIPPER: "ships"}.get(name, "sends")]


def test_off_leaves_nothing(rendered: Mapping[str, Rendered]) -> None:
    off = rendered["off"]
    assert off.files == {} and off.variables["units"] == [] and off.variables["checks"] == []
    assert off.variables["others"] == [COLLECTOR, FORWARDER, RECEIVER, TIMER, SHIPPER]
    assert ["systemctl", "daemon-reload"] in off.variables["activate"]


def test_what_is_removed_is_the_roles_own(rendered: Mapping[str, Rendered]) -> None:
    """No certificate, no tree, nothing of rsyslog's."""
    purged = rendered["off"].variables["purge"]
    assert not any("rsyslog.d" in entry["directory"] or entry["pattern"] in ("*", "*.pem") for entry in purged)
    for variant in rendered.values():
        assert all("latentum-ops" in path or "/latentum_ops_" in path for path in variant.files), variant.files


def test_what_is_chosen_is_there(rendered: Mapping[str, Rendered]) -> None:
    assert rendered["on"].variables["units"] == [COLLECTOR, TIMER]
    assert rendered["sends"].variables["units"] == [COLLECTOR, TIMER, FORWARDER]
    assert rendered["receives"].variables["units"] == [COLLECTOR, TIMER, RECEIVER]
    assert rendered["ships"].variables["units"] == [COLLECTOR, TIMER, SHIPPER]
    assert CONFIG not in rendered["sends"].files and CONFIG in rendered["receives"].files


def test_the_engine_reads_what_the_role_writes(rendered: Mapping[str, Rendered]) -> None:
    settings = from_dict(json.loads(rendered["sends"].files[SETTINGS]))
    assert settings.host == "web1" and settings.access == ("/var/log/nginx/access.json",) and settings.queue == 1 << 30
    assert settings.keep["application"] == Kept(90, 20 << 30) and settings.keep["audit"] == Kept(366, 0)
    folder = "/etc/latentum-ops/logs"
    files = (f"{folder}/authority.pem", f"{folder}/certificate.pem", f"{folder}/key.pem")
    assert settings.target == Target("logs.example.com", 6514, "logs.example.com", *files)
    six = from_dict(json.loads(rendered["sends to ipv6"].files[SETTINGS])).target
    assert six is not None and (six.host, six.name) == ("2001:db8::5", "logs.example.com")
    assert from_dict(json.loads(rendered["on"].files[SETTINGS])).target is None
    assert from_dict(json.loads(rendered["nothing of containers"].files[SETTINGS])).containers == ""


def test_no_secret_is_in_what_is_written(rendered: Mapping[str, Rendered]) -> None:
    """A key is named by its path, and read by who uses it."""
    for path, content in rendered["receives"].files.items():
        assert "PRIVATE" not in content, path


def test_the_collector_has_no_network_and_the_forwarder_no_secret(rendered: Mapping[str, Rendered]) -> None:
    reads, sends = unit(of(rendered, COLLECTOR), COLLECTOR), unit(of(rendered, FORWARDER), FORWARDER)
    assert reads["PrivateNetwork"] == ["yes"] and reads["CapabilityBoundingSet"] == ["", "CAP_DAC_READ_SEARCH"]
    assert "PrivateNetwork" not in sends and sends["CapabilityBoundingSet"] == [""]
    assert "-/etc/latentum-ops/secrets" in sends["InaccessiblePaths"][0]
    assert unit(of(rendered, CLOSE), CLOSE)["Type"] == ["oneshot"] and "Restart" not in unit(of(rendered, CLOSE), CLOSE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_as_its_own_user_and_writes_to_its_own_folders(rendered: Mapping[str, Rendered], name: str) -> None:
    settings = unit(of(rendered, name), name)
    assert settings["User"] == ["latentum-logs"] and settings["ProtectSystem"] == ["strict"]
    own = ("/var/log/latentum-ops/tree", "/var/lib/latentum-ops/", "-/var/lib/latentum-ops/log-numbers")
    assert all(path.startswith(own) for line in settings["ReadWritePaths"] for path in line.split())


def test_the_engine_reads_the_sinks_that_the_role_writes(rendered: Mapping[str, Rendered]) -> None:
    loki, search = from_dict(json.loads(rendered["ships"].files[SETTINGS])).sinks
    assert (loki.name, loki.url, loki.queue, loki.classes) == ("loki", "https://loki.example.com:3100", 1 << 30, CLASSES)
    assert (search.kind, search.queue, search.index, dict(search.static)) == (
        "opensearch",
        4 << 30,
        "latentum",
        {"environment": "production"},
    )
    assert from_dict(json.loads(rendered["on"].files[SETTINGS])).sinks == ()


def test_a_sink_gets_its_files_by_systemd_and_can_read_no_secret(rendered: Mapping[str, Rendered]) -> None:
    """One that is not there keeps the others from nothing."""
    settings = unit(rendered["ships"], SHIPPER)
    names = {"loki.password_file": "/etc/latentum-ops/secrets/shop/loki_password", "loki.authority": "/etc/ssl/loki.pem"}
    assert settings["LoadCredential"] == [f"{name}:{path}" for name, path in names.items()]
    assert settings["SetCredential"] == [f"{name}:missing" for name in names]
    assert [credential_name("loki", key) for key in ("password_file", "authority")] == list(names)
    assert "-/etc/latentum-ops/secrets" in settings["InaccessiblePaths"][0] and settings["CapabilityBoundingSet"] == [""]
    assert settings["ReadWritePaths"] == ["/var/lib/latentum-ops/logs -/var/lib/latentum-ops/log-numbers"]
    assert rendered["ships"].variables["preflight"]["sink_files"] == names
    assert rendered["on"].variables["preflight"]["sink_files"] == {} and "LoadCredential" not in unit(rendered["sends"], FORWARDER)


def test_numbers_of_sinks_have_their_files(rendered: Mapping[str, Rendered]) -> None:
    folders = rendered["ships"].files["/etc/tmpfiles.d/latentum-ops-logs.conf"]
    for name in map(numbers_file, ("loki", "search")):
        assert f"f /var/lib/latentum-ops/log-numbers/{name} 0644 latentum-logs " in folders
        assert name in [Path(entry["path"]).name for entry in rendered["ships"].variables["files_numbers"]]
        assert any(fnmatch(name, entry["pattern"]) for entry in rendered["on"].variables["purge"])  # with the sink it goes


def test_the_role_and_the_engine_know_the_same_keys_and_defaults() -> None:
    """A default of a key stands at the engine's field; the documentation says the same."""
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]["log_shipping_sinks"][
        "options"
    ]
    of_engine = {field.name: field for field in fields(Sink)}
    assert list(specs) and set(specs) == set(of_engine)
    needed = {"name": "x", "kind": "loki", "url": "http://localhost"}
    engine = sink_from(needed)
    shown = sink_from({**needed, **{name: spec["default"] for name, spec in specs.items() if "default" in spec}})
    assert engine == shown
    assert tuple(specs["kind"]["choices"]) == KINDS and tuple(specs["labels"]["choices"]) == LABELS
    assert yaml.safe_load((ROLE / "vars/main.yml").read_text())["__log_shipping_sink_keys"] == list(FILES)


def test_numbers_have_their_files_where_they_are_asked_for(rendered: Mapping[str, Rendered]) -> None:
    """The folder is the package's, below one that its user owns, where tmpfiles writes nothing: it has links to files of ours."""
    own, theirs = "/var/lib/latentum-ops/log-numbers", "/var/lib/prometheus/node-exporter"
    folders = "/etc/tmpfiles.d/latentum-ops-logs.conf"
    for name in (collector.NUMBERS, forwarder.NUMBERS):
        assert f"f {own}/{name} 0644 latentum-logs " in rendered["measured"].files[folders]
        assert name not in rendered["on"].files[folders]
        assert {"path": f"{theirs}/{name}", "state": "link", "target": f"{own}/{name}"} in rendered["measured"].variables["files_numbers"]
    assert theirs not in rendered["measured"].files[folders] and rendered["on"].variables["files_numbers"] == []
    assert json.loads(rendered["measured"].files[SETTINGS])["metrics"] == own
    assert json.loads(rendered["on"].files[SETTINGS])["metrics"] == ""
    assert f"-{own}" in unit(rendered["measured"], COLLECTOR)["ReadWritePaths"][0]


@pytest.mark.skipif(not ANALYZE, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_sandboxed(rendered: Mapping[str, Rendered], name: str, tmp_path: Path) -> None:
    """At most 3.0, of 10, by systemd's own judgement."""
    path = tmp_path / name
    path.write_text(of(rendered, name).files[f"/etc/systemd/system/{name}"])
    judged = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--no-pager", "--threshold=30", str(path)], capture_output=True, text=True, check=False
    )
    assert "Unknown" not in judged.stderr and "ignoring" not in judged.stderr, judged.stderr
    assert judged.returncode == 0, judged.stdout[-600:] + judged.stderr


def test_a_foreign_rsyslog_is_left_alone() -> None:
    """Its unit is masked only where the package was not there before; its configuration is never read."""
    tasks = yaml.safe_load((ROLE / "tasks/install.yml").read_text())
    assert [next(key for key in task if "." in key) for task in tasks] == [
        "ansible.builtin.stat",
        "latentum.ops.config_set",
        "latentum.ops.packages",
    ]
    assert tasks[1]["when"] == "__log_shipping_receives and not __log_shipping_there.stat.exists"


def test_the_receiver_reads_its_own_configuration_alone(rendered: Mapping[str, Rendered]) -> None:
    (started,) = unit(rendered["receives"], RECEIVER)["ExecStart"]
    assert started == f"/usr/sbin/rsyslogd -n -iNONE -f {CONFIG}"
    assert not re.search(r"include|imuxsock|imjournal|imklog|imudp|imtcp\b", rendered["receives"].files[CONFIG])


@needs_rsyslogd
@pytest.mark.parametrize("broken", [False, True])
def test_the_checker_is_rsyslogd_itself(broken: bool, rendered: Mapping[str, Rendered], authority: Authority, tmp_path: Path) -> None:
    """What it refuses never replaces what runs."""
    calendar, made, (program, *arguments) = rendered["receives"].variables["checks"]
    # On a new log host its folder is not there yet, which alone makes it refuse.
    assert made == ["mkdir", "-p", "/var/lib/latentum-ops/log-receiver"]
    assert calendar == ["systemd-analyze", "calendar", "*-*-* 00:20:00 UTC"]
    assert (program, arguments) == ("rsyslogd", ["-N1", "-f", CONFIG])
    receiver = Receiver(tmp_path, rendered["receives"].files[CONFIG], authority.issue("logs.example.com"))
    if broken:
        receiver.config.write_text(receiver.config.read_text().replace('type="imrelp"', 'type="imrepl"'))
    done = subprocess.run(command(receiver.config, "-N1"), env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode != 0) is broken, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_reaches_the_tree_below_a_folder_of_adm(rendered: Mapping[str, Rendered], name: str) -> None:
    assert "adm" in unit(of(rendered, name), name)["SupplementaryGroups"][0].split()
