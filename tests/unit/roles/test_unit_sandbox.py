# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox of our units: all begin with the same lines, and systemd calls none of them exposed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import unit_exposure
from ansible.errors import AnsibleError
from ansible_collections.latentum.ops.plugins.lookup.unit_sandbox import LookupModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job
from ansible_collections.latentum.ops.plugins.module_utils.firewall import isolation
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.sandbox import ROLLOUT, SANDBOX
from ansible_collections.latentum.ops.plugins.module_utils.jobs import units

ROLES = Path(__file__).resolve().parents[3] / "roles"
SYSTEM = "templates/etc/systemd/system"
TEMPLATES = sorted([*ROLES.glob(f"*/{SYSTEM}/*.service.j2"), *ROLES.glob(f"*/{SYSTEM}/*.service.d/*.j2")])
NAMES = [str(path.relative_to(ROLES)).replace(f"/{SYSTEM}", "") for path in TEMPLATES]
# Units whose sandbox stands in their own file.
OWN = {"docker.service": "files of containers are mounted where it runs, and containers inherit what it may not"}
ANALYZE = shutil.which("systemd-analyze") or ""


class Anything(jinja2.ChainableUndefined):
    """A variable whose value is nothing that the sandbox depends on."""

    def __int__(self) -> int:
        return 2048

    def __str__(self) -> str:
        return "/srv/anything"


def rendered(path: Path, **variables: Any) -> str:
    """A template without Ansible: what a unit may do depends on no value, but for the switches that are given."""
    templates = next(folder for folder in path.parents if folder.name == "templates")
    loader = jinja2.FileSystemLoader(templates)
    environment = jinja2.Environment(loader=loader, undefined=Anything, trim_blocks=True)  # noqa: S701 - no HTML
    environment.filters |= {"comment": "# {}".format, "regex_replace": lambda text, *_words: text, "unique": list}
    environment.globals["lookup"] = lambda name, *terms: {"latentum.ops.unit_sandbox": LookupModule().run(terms)[0]}[name]
    lists = {
        "__log_shipping_key_groups": [],
        "__log_rotation_folders": ["/srv/app/log"],
        "__log_shipping_sink_files": {"sink": "/srv/sink"},
        "certbot_sandbox": True,
        "nginx_keep_foreign": False,
    }
    lists |= {"__nginx_authentication_user": "latentum-auth"}
    return environment.get_template(str(path.relative_to(templates))).render(ansible_managed="", **{**lists, **variables})


def name_of(path: Path) -> str:
    """The unit that a template is of; the drop-in of docker is that of containerd, too."""
    if path.parent.name == "engine.service.d":
        return "docker.service"
    return (path.parent.name.removesuffix(".d") if path.parent.name.endswith(".d") else path.name.removesuffix(".j2")).replace("@.", "@x.")


def made_by_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The units that the engine writes."""
    for name in ("UNIT", "WANTED", "SCRIPT"):
        monkeypatch.setattr(isolation, name, tmp_path / "etc" / name.lower())
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(isolation, "run", lambda *_words, **_options: None)
    isolation._at_boot(isolation.Isolation(since=1.0, until=0.0, who="somebody", operators=("192.0.2.1/32",), ports=(22,)))
    return {
        "latentum-ops-job-shop-train.service": units.service_text("shop", Job("train", "web")),
        "latentum-ops-job-shop-ship.service": units.service_text("shop", Job("ship", "web", deploys=("model",))),
        "latentum-ops-isolation.service": (tmp_path / "etc/unit").read_text(),
    }


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_every_unit_begins_with_the_same_sandbox(path: Path) -> None:
    begins = f"\n{SANDBOX}\n" in rendered(path).partition("[Service]")[2]
    assert begins != (name_of(path) in OWN), (
        "it needs no place in OWN any more" if begins else "it lacks lookup('latentum.ops.unit_sandbox')"
    )
    service = rendered(path).partition("[Service]\n")[2]
    if begins and path.parent.name == "system":
        assert service.startswith(SANDBOX), "what comes before it would be taken back by it"


def test_the_units_of_the_engine_begin_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in made_by_the_engine(tmp_path, monkeypatch).items():
        assert f"[Service]\n{SANDBOX}\n" in text, name


def test_what_a_rollout_needs_is_given_back_the_same_to_all_that_carry_one_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steward = next(path for path in TEMPLATES if name_of(path) == "latentum-ops-steward.service")
    made = made_by_the_engine(tmp_path, monkeypatch)
    assert rendered(steward).endswith(f"\n{ROLLOUT}") and made["latentum-ops-job-shop-ship.service"].endswith(f"\n{ROLLOUT}\n")
    assert ROLLOUT not in made["latentum-ops-job-shop-train.service"]


def test_a_word_that_the_lookup_does_not_know_is_refused() -> None:
    with pytest.raises(AnsibleError, match="rollouts is not known: write rollout"):
        LookupModule().run(["rollouts"])


def test_nothing_of_the_sandbox_is_written_once_more() -> None:
    """A unit says what it needs; what it does not need stands in the sandbox alone."""
    given = {line for line in SANDBOX.splitlines() if line.endswith(("=yes", "=strict", "=invisible", "=pid", "=native", "=closed"))}
    for path in TEMPLATES:
        if name_of(path) not in OWN:
            once_more = given & set(path.read_text().partition("unit_sandbox")[2].partition("{% else %}")[0].splitlines())
            assert not once_more, f"{path}: {once_more}"


@pytest.mark.skipif(not ANALYZE, reason="systemd is not here")
def test_systemd_calls_no_unit_exposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {name_of(path): rendered(path) for path in TEMPLATES} | made_by_the_engine(tmp_path, monkeypatch)
    files = []
    for name, text in texts.items():
        files.append(tmp_path / name)
        # Of a drop-in, and of programs that are not here, as of a whole unit.
        whole = re.sub(r"^Exec\w+=.*$", "", text.replace("\\\n", " "), flags=re.MULTILINE)
        files[-1].write_text(whole.replace("[Service]\n", "[Service]\nExecStart=/bin/true\n"))
    argv = [ANALYZE, "security", "--offline=true", "--no-pager", *map(str, files)]
    judged = subprocess.run(argv, capture_output=True, text=True, check=False, env={"COLUMNS": "200"})
    ours = [line for line in judged.stderr.splitlines() if "nknown" in line]
    assert ours == []
    scores = unit_exposure.scores_in(judged.stdout)
    assert set(scores) == set(texts), judged.stderr
    assert unit_exposure.problems(scores) == []


def test_an_exception_is_judged_both_ways() -> None:
    assert unit_exposure.problems({"ssh.service": 9.6, "latentum-ops-x.service": 3.0}) == []
    assert len(unit_exposure.problems({"latentum-ops-x.service": 3.1, "ssh.service": 9.7, "docker.service": 3.0})) == 3
