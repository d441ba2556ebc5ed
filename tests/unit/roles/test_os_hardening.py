# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of role os_hardening, and controls that are left out by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.latentum.ops.plugins.action.role_arguments import argument_spec
from ansible_runs import AnsibleRuns

from .rendering import Rendered, render

ROLE = Path(__file__).resolve().parents[3] / "roles/os_hardening"
MACHINE = {"virtualization_type": "kvm", "architecture": "x86_64", "cmdline": {}}
LEFT_OUT = ["reverse_path", "usb_devices", "session_timeout", "password_history"]
VARIANTS = {
    "baseline": {},
    "strict": {"os_hardening_level": "strict"},
    "without": {
        "os_hardening_level": "strict",
        "os_hardening_skip": LEFT_OUT,
    },
    "short": {"os_hardening_level": "strict", "os_hardening_session_timeout": 300},
    "container": {"os_hardening_level": "strict", "ansible_facts": {**MACHINE, "virtualization_type": "docker"}},
}
SETTINGS = "/etc/sysctl.d/90-latentum-ops.conf"
SHELLS = "/etc/profile.d/latentum-ops.sh"
HISTORY = "/usr/share/pam-configs/latentum-ops-history"


@pytest.fixture(scope="module")
def made(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    own = {"packages": "__os_hardening_packages", "units": "__os_hardening_units", "on": "__os_hardening_on"}
    variants = {name: {"ansible_facts": MACHINE, **given} for name, given in VARIANTS.items()}
    files = "__os_hardening_files + __os_hardening_audit_files"
    return render(Rendered, ROLE, files, own, variants, ansible, tmp_path_factory.mktemp("hardening"))


def test_baseline_has_no_control_of_strict(made: dict[str, Rendered]) -> None:
    assert made["baseline"].variables["on"] == [] and made["baseline"].variables["units"] == []
    assert not {"aide", "usbguard", "rkhunter"} & set(made["baseline"].variables["packages"])
    assert HISTORY not in made["baseline"].files and "net.ipv4.conf.all.rp_filter = 2" in made["baseline"].files[SETTINGS]
    assert "TMOUT=3600" in made["baseline"].files[SHELLS]
    assert "unlinkat" not in made["baseline"].files["/etc/audit/rules.d/50-latentum-ops.rules"]


def test_strict_has_all_of_them(made: dict[str, Rendered]) -> None:
    controls = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__os_hardening_controls"]
    assert made["strict"].variables["on"] == list(controls)
    assert {"aide", "usbguard", "rkhunter", "acct", "sysstat", "debsums", "apparmor"} <= set(made["strict"].variables["packages"])
    assert "remember=24" in made["strict"].files[HISTORY] and "net.ipv4.conf.all.rp_filter = 1" in made["strict"].files[SETTINGS]
    assert "TMOUT=900" in made["strict"].files[SHELLS] and "TMOUT=300" in made["short"].files[SHELLS]
    assert "unlinkat" in made["strict"].files["/etc/audit/rules.d/50-latentum-ops.rules"]


def test_a_control_is_left_out_by_its_name(made: dict[str, Rendered]) -> None:
    without = made["without"]
    assert "net.ipv4.conf.all.rp_filter = 2" in without.files[SETTINGS] and HISTORY not in without.files
    assert "usbguard" not in without.variables["packages"] and "usbguard.service" not in without.variables["units"]
    assert "TMOUT=3600" in without.files[SHELLS] and "aide" in without.variables["packages"]


def test_what_a_container_cannot_run_is_not_started_there(made: dict[str, Rendered]) -> None:
    assert "usbguard.service" in made["strict"].variables["units"] and "usbguard.service" not in made["container"].variables["units"]


def test_judges_see_what_is_set(made: dict[str, Rendered]) -> None:
    """A minus before a key hides its value from them."""
    lines = made["baseline"].files[SETTINGS].splitlines()
    assert not [line for line in lines if line.startswith("-") and "=" in line]
    assert "kernel.randomize_va_space = 2" in lines


def test_what_is_no_control_is_refused_with_all_arguments() -> None:
    """Action `role_arguments` judges them for all roles, before the first changes anything."""
    controls = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__os_hardening_controls"]
    spec = {
        name: {key: value for key, value in option.items() if key != "description"} for name, option in argument_spec(ROLE.name).items()
    }
    assert spec["os_hardening_skip"]["choices"] == list(controls)
    asked = {name: spec[name] for name in ("os_hardening_level", "os_hardening_skip")}
    said = ArgumentSpecValidator(asked).validate({"os_hardening_skip": ["reverse_paths"], "os_hardening_level": "paranoid"}).error_messages
    assert any("os_hardening_skip" in line and "reverse_paths" in line for line in said)
    assert any("os_hardening_level" in line and "paranoid" in line for line in said)
    assert not ArgumentSpecValidator(asked).validate({"os_hardening_skip": ["reverse_path"]}).error_messages
