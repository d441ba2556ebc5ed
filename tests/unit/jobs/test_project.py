# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of a job in place of those of its service: by one kind of key, since Compose takes two kinds for a contradiction."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job
from ansible_collections.latentum.ops.plugins.module_utils.jobs.project import project
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release

LIMITS = {"memory": "1g", "cpus": "1", "pids": 4096}


@pytest.mark.parametrize(
    ("job", "limits"),
    [
        ({}, {"deploy": {"resources": {"limits": LIMITS}}}),
        ({"memory": "2g"}, {"mem_limit": "2g", "cpus": "1", "pids_limit": 4096}),
        ({"cpus": 2.0}, {"mem_limit": "1g", "cpus": 2.0, "pids_limit": 4096}),
    ],
)
def test_limits(job: dict[str, Any], limits: dict[str, Any]) -> None:
    service = {"image": "web:1", "deploy": {"replicas": 2, "resources": {"limits": LIMITS}}}
    release = Release("shop", "/opt/shop", {"services": {"web": service}}, {}, [], [], images={"web": "web@sha256:1"})
    made = project(release, Job(name="train", service="web", command=("true",), **job))["services"]["web"]
    assert {key: made[key] for key in ("deploy", "mem_limit", "cpus", "pids_limit") if key in made} == limits
