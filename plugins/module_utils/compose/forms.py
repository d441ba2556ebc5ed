# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms of the keys of a Compose file: which may hold a scalar, a list or a mapping, and what a scalar is cast to.

Everything is read by these forms before anything is judged, so no check meets a word where it expects a boolean, or a string where it
expects a list. Source: the Compose specification's JSON schema, and what the CLIs of Debian make of it (tests/tools/compose_verdicts.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..schema.nodes import Problem, Refused, close_to, join, shown
from . import casts


@dataclass(frozen=True)
class Form:
    """What may stand at a key.

    :param scalar: casts a single value; None when there can be none.
    :param items: the form of each item of a list.
    :param fields: the forms of known keys of a mapping.
    :param each: the form of the other keys of a mapping; None leaves them as they are.
    :param fix: what to write instead, where the usual words do not serve.
    :param empty: the key may stand there without a value.
    :param hidden: a wrong value is not shown: it may hold a secret.
    """

    scalar: Callable[[Any], Any] | None = None
    items: Form | None = None
    fields: Mapping[str, Form] | None = None
    each: Form | None = None
    fix: str = ""
    empty: bool = False
    hidden: bool = False

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        """The value with its scalars cast. What is wrong is reported and left out, so that later checks can go on."""
        if value is None:
            return None if self.empty else self._refused(value, key, "is empty", self.fix or "write its value, or remove it", problems)
        if isinstance(value, Mapping):
            if self.fields is not None or self.each is not None:
                self._refuse_unknown(value, key, problems)
                return {name: self._field(name).read(item, join(key, name), problems) for name, item in value.items()}
        elif isinstance(value, list):
            if self.items is not None:
                return [self.items.read(item, f"{key}[{index}]", problems) for index, item in enumerate(value)]
        elif self.scalar is not None:
            try:
                return self.scalar(value)
            except Refused as error:
                return self._refused(value, key, error.problem, self.fix or error.fix, problems)
        return self._refused(value, key, f"must be {self._kinds()}", self.fix or self._example(key), problems)

    def _refused(self, value: Any, key: str, problem: str, fix: str, problems: list[Problem]) -> None:
        problems.append(Problem(key, "" if self.hidden else shown(value), problem, fix))

    def _refuse_unknown(self, value: Mapping[str, Any], key: str, problems: list[Problem]) -> None:
        """Compose refuses keys that it does not know, except for extensions; a mapping without known keys is not looked at."""
        if not self.fields or self.each is not None:
            return
        for name in value:
            if name not in self.fields and not name.startswith("x-"):
                near = close_to(name, self.fields)
                fix = f"did you mean {near}?" if near else "remove it, or give it a name beginning with x-"
                problems.append(Problem(join(key, name), "", "is not a key of a Compose file here", fix))

    def _field(self, name: str) -> Form:
        return (self.fields or {}).get(name) or self.each or _UNREAD

    def _kinds(self) -> str:
        mapping = self.fields is not None or self.each is not None
        kinds = [("a single value", self.scalar), ("a list", self.items), ("a mapping", mapping or None)]
        return " or ".join(kind for kind, there in kinds if there is not None)

    def _example(self, key: str) -> str:
        name = key.rpartition(".")[2]
        if self.items is not None:
            return f"write {name}: and one - entry a line under it"
        return f"write {name}: and one name: a line under it" if self.scalar is None else f"write one value after {name}:"


class _Unread(Form):
    """A part that nothing here looks at."""

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        return value


_UNREAD = _Unread()
BOOLEAN, FLAG = Form(casts.boolean), Form(casts.flag)
WHOLE, COUNT, PLAIN_COUNT, NUMBER = Form(casts.whole), Form(casts.count), Form(casts.uncast(casts.count)), Form(casts.number)
PLAIN_WHOLE = Form(casts.uncast(casts.whole))
DURATION, SIZE, POSITIVE_SIZE, WRITTEN_SIZE = map(Form, (casts.duration, casts.size, casts.positive_size, casts.written_size))
TEXT, SINGLE, ANYTHING = Form(casts.text), Form(casts.anything), Form(casts.anything, empty=True)

_TEXTS = Form(items=TEXT)
_TEXT_OR_LIST = Form(casts.text, items=TEXT)
_COMMAND = replace(_TEXT_OR_LIST, empty=True)
_PAIRS = Form(items=TEXT, each=ANYTHING, fix="write {NAME: value}")
_OPTIONS = Form(each=ANYTHING)
_GRANTS = Form(
    items=Form(
        casts.text,
        fields={**dict.fromkeys(("source", "target", "uid", "gid"), TEXT), "mode": Form(casts.mode)},
        fix="write its name, or a mapping with source: name",
    )
)
_HOOKS = Form(
    items=Form(
        fields={"command": _COMMAND, "user": TEXT, "privileged": BOOLEAN, "working_dir": TEXT, "environment": _PAIRS},
    )
)
_EXTERNAL = Form(casts.boolean, fields={"name": TEXT})

_DEPLOY_STEP = Form(
    fields={
        "parallelism": COUNT,
        "delay": DURATION,
        "failure_action": TEXT,
        "monitor": DURATION,
        "max_failure_ratio": NUMBER,
        "order": TEXT,
    }
)
_LIMIT = {"cpus": NUMBER, "memory": WRITTEN_SIZE, "pids": WHOLE}
_RESERVATION = {"cpus": NUMBER, "memory": WRITTEN_SIZE, "devices": Form(items=Form(fields={})), "generic_resources": _UNREAD}
_DEPLOY = Form(
    empty=True,
    fields={
        "mode": TEXT,
        "endpoint_mode": TEXT,
        "replicas": WHOLE,
        "labels": _PAIRS,
        "rollback_config": _DEPLOY_STEP,
        "update_config": _DEPLOY_STEP,
        "resources": Form(fields={"limits": Form(fields=_LIMIT), "reservations": Form(fields=_RESERVATION)}),
        "restart_policy": Form(fields={"condition": TEXT, "delay": DURATION, "max_attempts": COUNT, "window": DURATION}),
        "placement": Form(fields={"constraints": _TEXTS, "preferences": Form(items=Form(fields={})), "max_replicas_per_node": COUNT}),
    },
)
_HEALTHCHECK = Form(
    fields={
        "test": _TEXT_OR_LIST,
        "disable": BOOLEAN,
        "retries": COUNT,
        **dict.fromkeys(("interval", "timeout", "start_period", "start_interval"), DURATION),
    }
)
_PORTS = Form(
    items=Form(
        casts.anything,
        fields={
            "target": WHOLE,
            "published": SINGLE,
            **dict.fromkeys(("name", "mode", "host_ip", "protocol", "app_protocol"), TEXT),
        },
    )
)
_MOUNTS = Form(
    items=Form(
        casts.anything,
        fields={
            **dict.fromkeys(("type", "source", "target", "consistency"), TEXT),
            "read_only": BOOLEAN,
            "bind": Form(fields={"propagation": TEXT, "create_host_path": BOOLEAN, "recursive": TEXT, "selinux": TEXT}),
            "volume": Form(fields={"labels": _PAIRS, "nocopy": BOOLEAN, "subpath": TEXT}),
            "tmpfs": Form(fields={"size": POSITIVE_SIZE, "mode": PLAIN_COUNT}),
            "image": Form(fields={"subpath": TEXT}),
        },
    )
)
_JOINED = Form(
    items=TEXT,
    each=Form(
        empty=True,
        fields={
            "aliases": _TEXTS,
            "link_local_ips": _TEXTS,
            "driver_opts": _OPTIONS,
            "priority": PLAIN_WHOLE,
            "gw_priority": PLAIN_WHOLE,
            **dict.fromkeys(("interface_name", "ipv4_address", "ipv6_address", "mac_address"), TEXT),
        },
    ),
    fix="write networks: [a, b]",
)
_DEPENDENCY = Form(
    fields={"condition": TEXT, "required": FLAG, "restart": BOOLEAN},
    fix="write {condition: service_started}, service_healthy or service_completed_successfully",
)
_ENV_FILES = Form(casts.text, items=Form(casts.text, fields={"path": TEXT, "format": TEXT, "required": BOOLEAN}))
_LIMITS = ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")
_BLKIO = Form(
    fields={
        "weight": PLAIN_COUNT,
        "weight_device": Form(items=Form(fields={"path": TEXT, "weight": PLAIN_COUNT})),
        **dict.fromkeys(_LIMITS, Form(items=Form(fields={"path": TEXT, "rate": SIZE}))),
    }
)
_STRINGS = re.findall(
    r"\w+",
    """cgroup cgroup_parent container_name cpuset domainname hostname image ipc isolation mac_address network_mode pid platform
    pull_policy pull_refresh_after restart runtime stop_signal user userns_mode uts working_dir""",
)

SERVICE = Form(
    fields={
        **dict.fromkeys(_STRINGS, TEXT),
        **dict.fromkeys(("attach", "init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty"), BOOLEAN),
        "use_api_socket": FLAG,
        **dict.fromkeys(("cpu_count", "cpu_percent"), COUNT),
        "mem_swappiness": Form(casts.swappiness),
        **dict.fromkeys(("cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares"), WHOLE),
        **dict.fromkeys(("oom_score_adj", "pids_limit", "scale"), WHOLE),
        "cpus": NUMBER,
        **dict.fromkeys(("mem_limit", "mem_reservation", "memswap_limit", "shm_size"), SIZE),
        **dict.fromkeys(("cap_add", "cap_drop", "device_cgroup_rules", "dns_opt", "external_links"), _TEXTS),
        **dict.fromkeys(("links", "profiles", "security_opt", "volumes_from"), _TEXTS),
        **dict.fromkeys(("dns", "dns_search", "label_file", "tmpfs"), _TEXT_OR_LIST),
        **dict.fromkeys(("command", "entrypoint"), _COMMAND),
        **dict.fromkeys(("annotations", "labels", "sysctls"), _PAIRS),
        "environment": Form(items=TEXT, each=ANYTHING, fix="write environment: {NAME: value}", hidden=True),
        "stop_grace_period": DURATION,
        **dict.fromkeys(("build", "credential_spec", "develop", "extends", "models", "provider"), _UNREAD),
        "blkio_config": _BLKIO,
        "configs": _GRANTS,
        "depends_on": Form(items=TEXT, each=_DEPENDENCY, fix="write depends_on: [a, b]"),
        "deploy": _DEPLOY,
        "devices": Form(items=Form(casts.text, fields=dict.fromkeys(("source", "target", "permissions"), TEXT))),
        "env_file": _ENV_FILES,
        "expose": Form(items=SINGLE),
        "extra_hosts": Form(items=TEXT, each=_TEXT_OR_LIST),
        "gpus": Form(casts.text, items=Form(fields={})),
        "group_add": Form(items=Form(casts.name_or_number)),
        "healthcheck": _HEALTHCHECK,
        "logging": Form(fields={"driver": TEXT, "options": _OPTIONS}, fix="write logging: {driver: json-file}"),
        "networks": _JOINED,
        "ports": _PORTS,
        "post_start": _HOOKS,
        "pre_stop": _HOOKS,
        "secrets": _GRANTS,
        "storage_opt": _OPTIONS,
        "ulimits": Form(each=Form(casts.limit, fields={"soft": WHOLE, "hard": WHOLE})),
        "volumes": _MOUNTS,
    },
    fix="write at least image: under it",
)
_OWNED = {"name": TEXT, "driver": TEXT, "driver_opts": _OPTIONS, "external": _EXTERNAL, "labels": _PAIRS}
_SWITCHES = ("internal", "attachable", "enable_ipv4", "enable_ipv6")
_IPAM = Form(fields={"driver": TEXT, "config": Form(items=Form(fields={})), "options": _OPTIONS})
_SECRET = Form(empty=True, fields={**_OWNED, **dict.fromkeys(("file", "environment", "template_driver"), TEXT)})
_CONFIG = Form(empty=True, fields={**(_SECRET.fields or {}), "content": TEXT})

DOCUMENT = Form(
    fields={
        "name": TEXT,
        **dict.fromkeys(("include", "models", "version"), _UNREAD),
        "services": Form(each=SERVICE),
        "networks": Form(each=Form(fields={**_OWNED, **dict.fromkeys(_SWITCHES, BOOLEAN), "ipam": _IPAM}, empty=True)),
        "volumes": Form(each=Form(fields=_OWNED, empty=True)),
        "secrets": Form(each=_SECRET),
        "configs": Form(each=_CONFIG),
    }
)
