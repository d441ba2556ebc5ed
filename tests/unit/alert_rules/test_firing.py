# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alert fires where it should and is silent elsewhere, by Prometheus' own judge: all cases in one run of it, each by its name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.alert_rules import files
from ansible_collections.latentum.ops.plugins.module_utils.contracts.alerts import HOST_ALERTS, RUNBOOKS, STACK_ALERTS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import (
    DatabaseExporter,
    MeasuredKey,
    MeasuredQuery,
)
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import (
    HostLimits,
    MonitoredSite,
    MonitoredStack,
    StackLimits,
)

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool (package prometheus): tests/tools/unit.sh provides it")
SHOP = MonitoredStack(
    "shop",
    services={"web": "critical", "worker": "warning"},
    sites=(MonitoredSite("shop.example.com", ("web",), 14),),
    backup_max_age=86400,
    secret_ages={"api_key": 90 * 86400.0},
    runbook="https://wiki.example.com/{runbook}/{service}",
)
MEASURED = (
    DatabaseExporter(
        "shop",
        "db",
        "postgresql",
        9187,
        5432,
        queries=(
            MeasuredQuery("shop_orders_open", "SELECT 1", max=100, patience=300),
            MeasuredQuery("shop_jobs_waiting", "SELECT 1", labels=("kind",), max=10, patience=600),
            MeasuredQuery("shop_users_all", "SELECT 1"),
        ),
    ),
    DatabaseExporter(
        "shop",
        "cache",
        "redis",
        9121,
        6379,
        keys=(
            MeasuredKey("jobs", max=1000, patience=600),
            MeasuredKey('odd "{{key}}" \\', max=5, patience=0),
            MeasuredKey("behind", db=1, measure="value", max=7, patience=0),
            MeasuredKey("free"),
        ),
    ),
    DatabaseExporter("shop", "pooler", "pgbouncer", 9127, 6432),
    DatabaseExporter("blog", "db", "postgresql", 9188, 5432),
)
PLANS = MonitoredStack("plans", backup_max_age=86400, backup_plans={"files": 7200})
HOUR = 60  # minutes
DAY = 86400
WATCH = 'job="watchdog",instance="web1"'
LABELS = 'stack="shop",service="web",route="shop.example.com/"'
CONTAINER = (
    'container_label_com_docker_compose_project="shop",container_label_com_docker_compose_service="web",name="shop-web-1",instance="web1"'
)
DISK = 'instance="web1",device="/dev/sda1",mountpoint="/var",fstype="ext4"'


@dataclass(frozen=True)
class Case:
    """Series, minute by minute, and which alerts of a name there are at a time.

    :param at: minutes.
    :param severities: of those that fire, sorted; none for silence.
    :param labels: what each of them has.
    """

    alert: str
    series: dict[str, str]
    at: int
    severities: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def requests(total: str, failed: str) -> dict[str, str]:
    """Requests to a route, those that fail among them."""
    return {f'http_requests_total{{{LABELS},code="200"}}': total, f'http_requests_total{{{LABELS},code="500"}}': failed}


def histogram(fast: str, slow: str) -> dict[str, str]:
    """Requests, those within a second among them."""
    bucket = "http_request_duration_seconds_bucket"
    return {
        f'{bucket}{{{LABELS},le="1"}}': fast,
        f'{bucket}{{{LABELS},le="5"}}': slow,
        f'{bucket}{{{LABELS},le="+Inf"}}': slow,
        f"http_request_duration_seconds_count{{{LABELS}}}": slow,
    }


def container(metric: str, values: str, project: str = "shop") -> dict[str, str]:
    """A series of a container."""
    return {f"{metric}{{{CONTAINER}}}".replace('"shop",', f'"{project}",', 1): values}


def cpu(usage: str) -> dict[str, str]:
    """Of a limit of one processor."""
    usual = container("container_spec_cpu_quota", "100000x60") | container("container_spec_cpu_period", "100000x60")
    return usual | container("container_cpu_usage_seconds_total", usage)


def watched(metric: str, values: str, labels: str) -> dict[str, str]:
    """A series of the watchdog."""
    return {f"{metric}{{{labels},{WATCH}}}": values}


def down(service: str, values: str, state: str = "down") -> dict[str, str]:
    """The state of a service."""
    return watched("latentum_ops_watchdog_service_state", values, f'stack="shop",service="{service}",state="{state}"')


def remaining(days: float) -> dict[str, str]:
    """A certificate."""
    metric = "latentum_ops_watchdog_site_certificate_remaining_seconds"
    return watched(metric, f"{days * DAY:g}x120", 'stack="shop",domain="shop.example.com"')


def disk(free: str, kind: str = "ext4") -> dict[str, str]:
    """Of 100 GB."""
    labels = DISK.replace("ext4", kind)
    return {
        f"node_filesystem_avail_bytes{{{labels}}}": free,
        f"node_filesystem_size_bytes{{{labels}}}": "100e9x240",
        f"node_filesystem_readonly{{{labels}}}": "0x240",
    }


def inodes(free: float) -> dict[str, str]:
    """Of 1,000."""
    return {f"node_filesystem_files_free{{{DISK}}}": f"{free}x60", f"node_filesystem_files{{{DISK}}}": "1000x60"}


def of_node(name: str, values: str) -> dict[str, str]:
    """A series of node_exporter."""
    return {f'{name}{{instance="web1"}}': values}


def certificate(begins: float, ends: float) -> dict[str, str]:
    """By days from now."""
    name = 'latentum_ops_host_certificate_{}_timestamp_seconds{{instance="web1",of="host"}}'
    return {name.format(which): f"{days * DAY}x60" for which, days in (("begins", begins), ("ends", ends))}


def memory(available: float) -> dict[str, str]:
    """Of 100."""
    return of_node("node_memory_MemAvailable_bytes", f"{available}x60") | of_node("node_memory_MemTotal_bytes", "100x60")


def up(job: str, values: str) -> dict[str, str]:
    """Whether a target answers."""
    return {f'up{{job="{job}",instance="web1"}}': values}


def idle(share: float) -> dict[str, str]:
    """Of two processors."""
    return {f'node_cpu_seconds_total{{instance="web1",cpu="{cpu}",mode="idle"}}': f"0+{60 * share:g}x60" for cpu in (0, 1)}


def tracked(entries: int) -> dict[str, str]:
    """Of 1,000."""
    return of_node("node_nf_conntrack_entries", f"{entries}x30") | of_node("node_nf_conntrack_entries_limit", "1000x30")


def window(scope: str, ends: str) -> dict[str, str]:
    """A window of maintenance, and when it ends."""
    return watched("latentum_ops_watchdog_maintenance_end_timestamp_seconds", ends, f'scope="{scope}"')


def of_sink(values: dict[str, str], sink: str = "loki") -> dict[str, str]:
    """Series of a sink of logs, by their names without what all have."""
    return {f'latentum_ops_logs_sink_{name}{{sink="{sink}",instance="web1"}}': given for name, given in values.items()}


def numbers_file(written: str) -> dict[str, str]:
    """When the numbers of a sink were written."""
    file = "/var/lib/prometheus/node-exporter/latentum_ops_logs_sink_loki.prom"
    return {f'node_textfile_mtime_seconds{{file="{file}",instance="web1"}}': written}


DB = 'stack="shop",service="db",instance="web1"'
CACHE = 'stack="shop",service="cache",instance="web1"'


def connections(used: str, of: str = DB) -> dict[str, str]:
    """Of 100 that can be used."""
    return {f"latentum_ops_connections_used{{{of}}}": used, f"latentum_ops_connections_usable{{{of}}}": "100x60"}


def replication(measure: str, values: str, peer: str = "primary") -> dict[str, str]:
    """A series of a standby, or of a primary about one."""
    return {f'latentum_ops_replication_{measure}{{{DB},peer="{peer}"}}': values}


def memory_of_redis(used: int, policy: str = "noeviction", limit: str = "100x60") -> dict[str, str]:
    """Of 100."""
    info = f'redis_instance_info{{{CACHE},maxmemory_policy="{policy}",role="master"}}'
    return {f"redis_memory_used_bytes{{{CACHE}}}": f"{used}x60", f"redis_memory_max_bytes{{{CACHE}}}": limit, info: "1x60"}


def key(name: str, values: str, db: str = "db0", metric: str = "redis_key_size") -> dict[str, str]:
    """A key of Redis."""
    return {f'{metric}{{{CACHE},db="{db}",key="{name}"}}': values}


RESTORABLE = 'latentum_ops_backup_restorable_timestamp_seconds{stack="shop",' + WATCH + "}"
AGED = 'latentum_ops_secret_timestamp_seconds{stack="shop",secret="api_key",' + WATCH + "}"
PLAN = 'latentum_ops_backup_plan_restorable_timestamp_seconds{stack="plans",plan="files",' + WATCH + "}"
WEB = {"stack": "shop", "service": "web"}
THROTTLED = "container_cpu_cfs_throttled_periods_total"
CASES: dict[str, Case] = {
    "down": Case("ServiceDown", down("web", "1x10"), 5, ("critical",), {**WEB, "instance": "web1"}),
    "down, and only a warning": Case("ServiceDown", down("worker", "1x10"), 5, ("warning",), {"service": "worker"}),
    "down for a moment": Case("ServiceDown", down("web", "0 0 0 0 1 1"), 4),
    "well": Case("ServiceDown", down("web", "0x10"), 5),
    "down on purpose": Case("ServiceDown", down("web", "1x10", "maintenance") | down("web", "0x10"), 5),
    "of another stack": Case("ServiceDown", {'latentum_ops_watchdog_service_state{stack="x",service="web",state="down"}': "1x10"}, 5),
    "20 % fail": Case("HighErrorRate", requests("0+80x20", "0+20x20"), 15, ("critical", "warning"), WEB),
    "8 % fail": Case("HighErrorRate", requests("0+92x20", "0+8x20"), 15, ("warning",), {"route": "shop.example.com/"}),
    "4 % fail": Case("HighErrorRate", requests("0+96x20", "0+4x20"), 15),
    "8 % fail for a moment": Case("HighErrorRate", requests("0+92x20", "0+8x4 32x20"), 15),
    "one of ten fails": Case("HighErrorRate", requests("0+1x20", "0 0 0 0 0 0 1x15"), 8),
    "requests to no route fail": Case(
        "HighErrorRate", {'http_requests_total{stack="shop",service="",route="",code="500"}': "0+100x20"}, 15
    ),
    "p99 of 5 s": Case("HighLatency", histogram("0+90x20", "0+100x20"), 15, ("warning",), WEB),
    "p99 within a second": Case("HighLatency", histogram("0+1000x20", "0+1001x20"), 15),
    "three slow requests": Case("HighLatency", histogram("0x20", "0 0 0 0 1 2 3x14"), 9),
    "95 % of its limit": Case("ContainerCpuHigh", cpu("0+57x60"), 30, ("warning",), {**WEB, "name": "shop-web-1"}),
    "half of its limit": Case("ContainerCpuHigh", cpu("0+30x60"), 30),
    "95 % for a moment": Case("ContainerCpuHigh", cpu("0+30x20 657+57x6 1000+30x20"), 30),
    "no limit": Case("ContainerCpuHigh", container("container_cpu_usage_seconds_total", "0+600x60"), 30),
    "near its memory": Case(
        "ContainerMemoryNearLimit",
        container("container_memory_working_set_bytes", "95x60") | container("container_spec_memory_limit_bytes", "100x60"),
        30,
        ("warning",),
        WEB,
    ),
    "far from its memory": Case(
        "ContainerMemoryNearLimit",
        container("container_memory_working_set_bytes", "60x60") | container("container_spec_memory_limit_bytes", "100x60"),
        30,
    ),
    "no memory limit": Case(
        "ContainerMemoryNearLimit",
        container("container_memory_working_set_bytes", "95x60") | container("container_spec_memory_limit_bytes", "0x60"),
        30,
    ),
    "held back": Case(
        "ContainerThrottled",
        container(THROTTLED, "0+300x60") | container("container_cpu_cfs_periods_total", "0+600x60"),
        40,
        ("warning",),
        WEB,
    ),
    "hardly held back": Case(
        "ContainerThrottled", container(THROTTLED, "0+60x60") | container("container_cpu_cfs_periods_total", "0+600x60"), 40
    ),
    "killed": Case("ContainerOutOfMemory", container("container_oom_events_total", "0x5 1x20"), 8, ("warning",), WEB),
    "killed long ago": Case("ContainerOutOfMemory", container("container_oom_events_total", "0x5 1x60"), 40),
    "starts": Case("ContainerCrashLoop", container("latentum_ops_container_restarts_total", "0 0 1 2 3 4x20"), 8, ("critical",), WEB),
    "one start": Case("ContainerCrashLoop", container("latentum_ops_container_restarts_total", "0 0 1x20"), 8),
    "starts of another stack": Case("ContainerCrashLoop", container("latentum_ops_container_restarts_total", "0 0 1 2 3 4x20", "blog"), 8),
    "ten days": Case("CertificateEnds", remaining(10), 30, ("warning",), {"domain": "shop.example.com"}),
    "two days": Case("CertificateEnds", remaining(2), 30, ("critical", "warning"), {"subject": "certificate:shop.example.com"}),
    "sixty days": Case("CertificateEnds", remaining(60), 30),
    "an old secret": Case(
        "SecretTooOld", {AGED: f"{-91 * DAY}x120"}, 90, ("warning",), {"subject": "secret shop api_key", "stack": "shop"}
    ),
    "a young secret": Case("SecretTooOld", {AGED: f"{-80 * DAY}x120"}, 90),
    "an old backup": Case("BackupTooOld", {RESTORABLE: f"{-2 * DAY}x60"}, 30, ("critical",), {"subject": "backup shop"}),
    "a young backup": Case("BackupTooOld", {RESTORABLE: "0x60"} | up("watchdog", "1x60"), 30),
    "no backup for a day": Case("BackupTooOld", up("watchdog", "1x1600"), 1500, ("critical", "critical"), {"backup": "missing"}),
    "a new host": Case("BackupTooOld", up("watchdog", "1x60"), 50),
    "an old backup of a plan": Case("BackupTooOld", {PLAN: "-9000x60"}, 30, ("critical",), {"plan": "files", "stack": "plans"}),
    "all processors": Case("HostCpuHigh", idle(0.05), 40, ("warning",), {"instance": "web1"}),
    "half of the processors": Case("HostCpuHigh", idle(0.5), 40),
    "all memory": Case("HostMemoryHigh", memory(5), 30, ("warning",), {"subject": "memory"}),
    "half of the memory": Case("HostMemoryHigh", memory(50), 30),
    "fills": Case("DiskFullSoon", disk("30e9-0.1e9x120"), 90, ("critical",), {"subject": "disk /var", "mountpoint": "/var"}),
    "fills in a week": Case("DiskFullSoon", disk("30e9-0.002e9x120"), 90),
    "a large upload": Case("DiskFullSoon", disk("90e9-0.4e9x120"), 90),
    "fills, but is memory": Case("DiskFullSoon", disk("30e9-0.1e9x120", "tmpfs"), 90),
    "no inodes": Case("InodesNearlyUsed", inodes(20), 30, ("critical",), {"mountpoint": "/var"}),
    "inodes": Case("InodesNearlyUsed", inodes(500), 30),
    "two seconds off": Case("ClockOff", of_node("node_timex_offset_seconds", "-2x60"), 30, ("warning",), {"subject": "clock"}),
    "nobody corrects it": Case(
        "ClockOff",
        of_node("node_timex_sync_status", "0x60") | of_node("node_timex_maxerror_seconds", "16x60"),
        30,
        ("warning",),
        {"instance": "web1"},
    ),
    "a certificate that nobody renews": Case(
        "HostCertificateEnds", certificate(-80, 20), 30, ("warning",), {"subject": "host certificate host", "instance": "web1"}
    ),
    "a certificate that is nearly over": Case("HostCertificateEnds", certificate(-95, 5), 30, ("critical", "warning")),
    "a certificate that has ended": Case("HostCertificateEnds", certificate(-101, -1), 30, ("critical", "warning")),
    "a certificate that a run will renew": Case("HostCertificateEnds", certificate(-70, 30), 30),
    "a certificate that is not there yet": Case(
        "HostCertificateEnds",
        {f'latentum_ops_host_certificate_{which}_timestamp_seconds{{instance="web1",of="host"}}': "0x60" for which in ("begins", "ends")},
        30,
    ),
    "milliseconds off": Case("ClockOff", of_node("node_timex_offset_seconds", "0.002x60") | of_node("node_timex_sync_status", "1x60"), 30),
    "many connections": Case("ConntrackNearlyFull", tracked(900), 20, ("warning",), {"instance": "web1"}),
    "few connections": Case("ConntrackNearlyFull", tracked(100), 20),
    "a reboot is due": Case(
        "RebootDue",
        watched("latentum_ops_watchdog_host_check_state", "1x5", 'check="reboot",state="warning"'),
        2,
        ("warning",),
        {"subject": "reboot"},
    ),
    "no reboot is due": Case("RebootDue", watched("latentum_ops_watchdog_host_check_state", "0x5", 'check="reboot",state="warning"'), 2),
    "a sink that takes nothing": Case("LogSinkDown", of_sink({"up": "0x40"}), 30, ("warning",), {"sink": "loki", "instance": "web1"}),
    "a sink that takes": Case("LogSinkDown", of_sink({"up": "1x40"}) | numbers_file("0+60x40"), 30),
    "a sink that takes nothing for a moment": Case("LogSinkDown", of_sink({"up": "1x10 0x6 1x40"}), 17),
    "a service of sinks that is gone": Case(
        "LogSinkDown", of_sink({"up": "1x60"}) | numbers_file("0x60"), 50, ("warning",), {"sink": "loki", "instance": "web1"}
    ),
    "a log host that takes nothing": Case(
        "LogSinkDown",
        of_node("latentum_ops_logs_waiting_bytes", "4096x60") | of_node("latentum_ops_logs_forwarded_total", "900x60"),
        40,
        ("warning",),
        {"sink": "the log host", "instance": "web1"},
    ),
    "a log host that takes as fast as something comes": Case(
        "LogSinkDown",
        of_node("latentum_ops_logs_waiting_bytes", "4096x60") | of_node("latentum_ops_logs_forwarded_total", "0+9x60"),
        40,
    ),
    "a log host for which there is nothing": Case(
        "LogSinkDown",
        of_node("latentum_ops_logs_waiting_bytes", "0x60") | of_node("latentum_ops_logs_forwarded_total", "900x60"),
        40,
    ),
    "a queue that fills": Case(
        "LogQueueFilling", of_sink({"waiting_bytes": "80x40", "queue_bytes": "100x40"}), 20, ("warning",), {"sink": "loki"}
    ),
    "a queue for the log host that fills": Case(
        "LogQueueFilling",
        of_node("latentum_ops_logs_waiting_bytes", "80x40") | of_node("latentum_ops_logs_queue_bytes", "100x40"),
        20,
        ("warning",),
        {"sink": "the log host", "instance": "web1"},
    ),
    "a queue that is half full": Case("LogQueueFilling", of_sink({"waiting_bytes": "50x40", "queue_bytes": "100x40"}), 20),
    "a queue that an older engine does not know the size of": Case("LogQueueFilling", of_sink({"waiting_bytes": "80x40"}), 20),
    "records that a sink is not given": Case("LogsDropped", of_sink({"dropped_total": "0x5 9x40"}), 10, ("warning",), {"sink": "loki"}),
    "records that a sink refuses": Case(
        "LogsDropped", of_sink({"dropped_total": "0x40", "rejected_total": "0x5 9x40"}), 10, ("warning",), {"sink": "loki"}
    ),
    "records that the log host is not given": Case(
        "LogsDropped", of_node("latentum_ops_logs_dropped_total", "0x5 9x40"), 10, ("warning",), {"sink": "the log host"}
    ),
    "a log that was rotated away unread": Case(
        "LogsDropped", of_node("latentum_ops_logs_gaps_total", "0x5 1x40"), 10, ("critical",), {"sink": "this host"}
    ),
    "records that were dropped long ago": Case("LogsDropped", of_sink({"dropped_total": "0x5 9x40"}), 30),
    "records that all arrive": Case(
        "LogsDropped",
        of_sink({"dropped_total": "0x40", "rejected_total": "0x40"}) | of_node("latentum_ops_logs_gaps_total", "0x40"),
        20,
    ),
    "an exporter is gone": Case("ExporterGone", up("requests", "0x20"), 15, ("warning",), {"job": "requests"}),
    "an exporter restarts": Case("ExporterGone", up("requests", "1 0 0 0 1x20"), 3),
    "a target of somebody's own": Case("ExporterGone", up("shop", "0x20"), 15),
    "the watchdog is gone": Case("WatchdogSilent", up("watchdog", "0x20"), 10, ("critical",), {"instance": "web1"}),
    "the watchdog stands still": Case(
        "WatchdogSilent",
        up("watchdog", "1x30") | watched("latentum_ops_watchdog_status_timestamp_seconds", "0x30", 'host="web1"'),
        20,
        ("critical",),
        {"instance": "web1"},
    ),
    "the watchdog works": Case(
        "WatchdogSilent",
        up("watchdog", "1x30") | watched("latentum_ops_watchdog_status_timestamp_seconds", "0+60x30", 'host="web1"'),
        20,
    ),
    "a rule fails": Case(
        "RuleEvaluationFailing",
        {'prometheus_rule_evaluation_failures_total{job="prometheus",instance="web1",rule_group="mine"}': "0 0 1 2 3x20"},
        4,
        ("critical",),
        {"rule_group": "mine"},
    ),
    "no rule fails": Case(
        "RuleEvaluationFailing", {'prometheus_rule_evaluation_failures_total{job="prometheus",rule_group="mine"}': "7x20"}, 4
    ),
    "a configuration is refused": Case(
        "ConfigReloadFailed",
        {'alertmanager_config_last_reload_successful{job="alertmanager",instance="web1"}': "0x10"},
        5,
        ("warning",),
        {"job": "alertmanager"},
    ),
    "a configuration is taken": Case(
        "ConfigReloadFailed", {'prometheus_config_last_reload_successful{job="prometheus",instance="web1"}': "1x10"}, 5
    ),
    "Prometheus does not answer": Case("PrometheusNotReady", up("prometheus", "0x20"), 15, ("critical",), {"instance": "web1"}),
    "Prometheus answers": Case("PrometheusNotReady", up("prometheus", "1x20"), 15),
    "Alertmanager does not answer": Case("AlertmanagerNotReady", up("alertmanager", "0x20"), 15, ("critical",), {"instance": "web1"}),
    "Alertmanager answers": Case("AlertmanagerNotReady", up("alertmanager", "1x20"), 15),
    "a receiver refuses": Case(
        "AlertsNotDelivered",
        {'alertmanager_notifications_failed_total{job="alertmanager",instance="web1",integration="slack"}': "0+1x30"},
        20,
        ("warning",),
        {"integration": "slack"},
    ),
    "a receiver takes it": Case(
        "AlertsNotDelivered",
        {'alertmanager_notifications_failed_total{job="alertmanager",instance="web1",integration="slack"}': "3x30"},
        20,
    ),
    "always": Case("Watchdog", {}, 1, ("",), {"alertname": "Watchdog"}),
    "an incident": Case(
        "WatchdogIncident",
        watched("latentum_ops_watchdog_incident_open", "1x5", 'stack="shop",service="web",subject="web",severity="warning"'),
        2,
        ("warning",),
        {**WEB, "subject": "web"},
    ),
    "an incident of a site": Case(
        "WatchdogIncident",
        watched(
            "latentum_ops_watchdog_incident_open", "1x5", 'stack="shop",service="",subject="site:shop.example.com",severity="critical"'
        ),
        2,
        ("critical", "critical"),
        {"stack": "shop"},
    ),
    "90 of 100 connections": Case("DatabaseConnectionsHigh", connections("90x60"), 20, ("warning",), {"service": "db", "instance": "web1"}),
    "99 of 100 connections": Case("DatabaseConnectionsHigh", connections("99x60"), 20, ("critical", "warning"), {"service": "db"}),
    "half of the connections": Case("DatabaseConnectionsHigh", connections("50x60"), 20),
    "a wave of connections": Case("DatabaseConnectionsHigh", connections("50x10 95x3 50x40"), 14),
    "connections of a stack without rules": Case("DatabaseConnectionsHigh", connections("99x60", DB.replace("shop", "blog")), 20),
    "no connection can be had at all": Case(
        "DatabaseConnectionsHigh",
        {f"latentum_ops_connections_used{{{DB}}}": "3x60", f"latentum_ops_connections_usable{{{DB}}}": "0x60"},
        20,
    ),
    "two minutes behind": Case("ReplicationLag", replication("lag_seconds", "120x60"), 20, ("warning",), {"peer": "primary"}),
    "2 GB behind": Case(
        "ReplicationLag", replication("lag_bytes", "2147483648x60", "b"), 20, ("warning",), {"measure": "lag_bytes", "peer": "b"}
    ),
    "follows nobody": Case("ReplicationLag", replication("connected", "0x60"), 20, ("critical",), {"measure": "connected"}),
    "nothing was written for an hour": Case(
        "ReplicationLag", replication("lag_seconds", "0x60") | replication("lag_bytes", "0x60") | replication("connected", "1x60"), 50
    ),
    "behind for a moment": Case("ReplicationLag", replication("lag_seconds", "0x10 300x3 0x40"), 14),
    "a long queue": Case("QueueDepth", key("jobs", "5000x60"), 30, ("warning",), {"service": "cache", "queue": "jobs"}),
    "a queue of an odd name": Case("QueueDepth", key('odd \\"{{key}}\\" \\\\', "6x60"), 30, ("warning",), {"service": "cache"}),
    "a number of another database": Case(
        "QueueDepth", key("behind", "8x60", "db1", "redis_key_value"), 30, ("warning",), {"queue": "behind"}
    ),
    "many open orders": Case("QueueDepth", {f"shop_orders_open{{{DB}}}": "101x60"}, 30, ("warning",), {"queue": "shop_orders_open"}),
    "many jobs of one kind": Case(
        "QueueDepth",
        {f'shop_jobs_waiting{{{DB},kind="mail"}}': "50x60", f'shop_jobs_waiting{{{DB},kind="pdf"}}': "3x60"},
        30,
        ("warning",),
        {"kind": "mail"},
    ),
    "a short queue": Case("QueueDepth", key("jobs", "10x60") | key("free", "1000000x60") | {f"shop_users_all{{{DB}}}": "1e9x60"}, 30),
    "a queue that is worked off": Case("QueueDepth", key("jobs", "0x10 5000x6 0x40"), 17),
    "the same key of another database": Case("QueueDepth", key("jobs", "5000x60", "db3"), 30),
    "a full memory that refuses": Case("RedisMemoryHigh", memory_of_redis(95), 20, ("warning",), {"service": "cache"}),
    "a full memory that evicts what expires": Case("RedisMemoryHigh", memory_of_redis(95, "volatile-lru"), 20, ("warning",)),
    "a full cache that evicts": Case("RedisMemoryHigh", memory_of_redis(99, "allkeys-lru"), 20),
    "a memory without a limit": Case("RedisMemoryHigh", memory_of_redis(95, limit="0x60"), 20),
    "refuses connections": Case(
        "RedisRejectedConnections", {f"redis_rejected_connections_total{{{CACHE}}}": "0x5 3x60"}, 8, ("warning",), {"service": "cache"}
    ),
    "refused connections long ago": Case("RedisRejectedConnections", {f"redis_rejected_connections_total{{{CACHE}}}": "0x5 3x60"}, 40),
    "a rotated password": Case(
        "DatabaseExporterFailing",
        {f'up{{job="postgresql",{DB}}}': "1x60", f"pg_up{{{DB}}}": "0x60"} | down("db", "0x60"),
        20,
        ("warning",),
        {"service": "db", "failing": "all"},
    ),
    "no exporter": Case("DatabaseExporterFailing", {f'up{{job="redis",{CACHE}}}': "0x60"}, 20, ("warning",), {"service": "cache"}),
    "a pooler that refuses": Case(
        "DatabaseExporterFailing",
        {f"pgbouncer_up{{{DB.replace('db', 'pooler')}}}": "0x60"},
        20,
        ("warning",),
        {"service": "pooler"},
    ),
    "a query without its table": Case(
        "DatabaseExporterFailing",
        {f"pg_exporter_last_scrape_error{{{DB}}}": "1x60", f"pg_up{{{DB}}}": "1x60"},
        30,
        ("warning",),
        {"failing": "query"},
    ),
    "a server that is down": Case("DatabaseExporterFailing", {f"pg_up{{{DB}}}": "0x60"} | down("db", "1x60"), 20),
    "a server in maintenance": Case("DatabaseExporterFailing", {f"pg_up{{{DB}}}": "0x60"} | down("db", "1x60", "maintenance"), 20),
    "a server that is restored": Case("DatabaseExporterFailing", {f"pg_up{{{DB}}}": "1x10 0x3 1x40"}, 13),
    "all is measured": Case("DatabaseExporterFailing", {f"pg_up{{{DB}}}": "1x60", f"pg_exporter_last_scrape_error{{{DB}}}": "0x60"}, 30),
    "affected": Case("WatchdogIncident", down("web", "1x5", "affected"), 2, ("critical",), WEB),
    "maintenance of the host": Case(
        "WatchdogMaintenance", window("host", "3600x20"), 5, ("",), {"scope": "host", "instance": "web1", "stack": "", "service": ""}
    ),
    "maintenance of a stack": Case(
        "WatchdogMaintenance", window("shop", "3600x20"), 5, ("",), {"stack": "shop", "service": "", "instance": "web1"}
    ),
    "maintenance of a service": Case(
        "WatchdogMaintenance", window("shop/web-2", "3600x20"), 5, ("",), {"stack": "shop", "service": "web-2"}
    ),
    "two windows": Case("WatchdogMaintenance", window("shop/web", "3600x20") | window("host", "3600x20"), 5, ("", "")),
    "maintenance that was ended": Case("WatchdogMaintenance", window("shop", "3600x5 stale") | up("watchdog", "1x20"), 8),
    "the minute after maintenance": Case(
        "WatchdogMaintenance", window("shop", "3600x5 stale") | up("watchdog", "1x20"), 6, ("",), {"stack": "shop"}
    ),
    "no maintenance": Case("WatchdogMaintenance", up("watchdog", "1x20"), 5),
    "maintenance that was prolonged": Case("WatchdogMaintenance", window("shop", "240x3 900x20"), 12, ("",), {"stack": "shop"}),
    "a host that is started again in its maintenance": Case(
        "WatchdogMaintenance", window("host", "3600x5 stale") | up("watchdog", "1x5 0x20"), 10, ("",), {"scope": "host"}
    ),
    "a host that is away for long": Case("WatchdogMaintenance", window("host", "3600x5 stale") | up("watchdog", "1x5 0x40"), 30),
    "maintenance that is over while the host is away": Case(
        "WatchdogMaintenance", window("host", "420x5 stale") | up("watchdog", "1x5 0x20"), 10
    ),
}


def by_group(folder: Path) -> dict[str, set[str]]:
    """The rules of a stack, of plans and of a host, a file for each group, with the names of its alerts.

    No rule of one group reads what another makes, so a case needs the groups that have its alert. All rules for each of the cases, minute
    by minute, would be most of what this judge does.
    """
    texts = {"shop": files.stack_file(SHOP, MEASURED), "plans": files.stack_file(PLANS), "host": files.host_file(HostLimits())}
    groups = [(name, group) for name, text in texts.items() for group in yaml.load(text, yaml.CSafeLoader)["groups"]]
    written = {}
    for number, (name, group) in enumerate(groups):
        assert not any("record" in rule or "ALERTS" in rule["expr"] for rule in group["rules"])
        written[f"{name}-{number}.yml"] = {rule["alert"] for rule in group["rules"]}
        (folder / f"{name}-{number}.yml").write_text(yaml.safe_dump({"groups": [group]}, width=10**9))
    return written


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool says of each case; empty where all is as expected."""
    folder = tmp_path_factory.mktemp("rules")
    groups = by_group(folder)
    tests: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, case in enumerate(CASES.values()):
        chosen = "".join(f',{name}="{value}"' for name, value in case.labels.items() if name != "alertname")
        alerts = f'ALERTS{{alertname="{case.alert}",alertstate="firing"{chosen if case.severities else ""}}}'
        samples = [
            {"labels": f'{{case="{number}"{f",severity={severity!r}" if severity else ""}}}'.replace("'", '"'), "value": count}
            for severity in dict.fromkeys(case.severities)
            for count in [case.severities.count(severity)]
        ]
        expression = f'label_replace(count by (severity) ({alerts}), "case", "{number}", "", "")'
        rule_files = tuple(name for name, names in groups.items() if case.alert in names)
        assert rule_files, case.alert
        tests.setdefault(rule_files, []).append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "promql_expr_test": [{"expr": expression, "eval_time": f"{case.at}m", "exp_samples": samples}],
            }
        )
    for number, (rule_files, cases) in enumerate(tests.items()):
        document = {"rule_files": list(rule_files), "evaluation_interval": "1m", "tests": cases}
        (folder / f"test-{number}.yml").write_text(yaml.safe_dump(document, width=10**9))
    argv = [str(PROMTOOL), "test", "rules", *(f"test-{number}.yml" for number in range(len(tests)))]
    environment = {**os.environ, "GOGC": "400"}  # a process of seconds: garbage may wait (Go's environment variables, package runtime)
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    failed = {name: "" for name in CASES}
    for part in said.split("    expr: ")[1:]:
        if found := re.search(r'\\"case\\", \\"(\d+)\\"', part):
            failed[list(CASES)[int(found[1])]] = part.strip()
    assert done.returncode == 0 or any(failed.values()), said
    return failed


@needs_promtool
@pytest.mark.parametrize("case", CASES)
def test_a_case(verdicts: dict[str, str], case: str) -> None:
    assert verdicts[case] == "", verdicts[case]


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    """Those that nobody is told only prove or inhibit."""
    fire = {case.alert for case in CASES.values() if case.severities}
    silent = {case.alert for case in CASES.values() if not case.severities}
    assert fire == set(RUNBOOKS) | {"Watchdog", "WatchdogIncident", "WatchdogMaintenance"}
    assert silent == set(RUNBOOKS) | {"WatchdogMaintenance"}


def rules(text: str) -> list[dict[str, Any]]:
    """All rules of a file."""
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_names_are_those_that_can_be_turned_off() -> None:
    told = [rule for rule in rules(files.stack_file(SHOP, MEASURED)) if rule["alert"] != "WatchdogIncident"]
    assert {rule["alert"] for rule in told} == set(STACK_ALERTS)
    untold = ("Watchdog", "WatchdogIncident", "WatchdogMaintenance")
    assert {rule["alert"] for rule in rules(files.host_file(HostLimits())) if rule["alert"] not in untold} == set(HOST_ALERTS)
    off = MonitoredStack("shop", services={"web": "critical"}, limits=StackLimits(disabled=("ServiceDown",)))
    assert "ServiceDown" not in files.stack_file(off) and "HighErrorRate" in files.stack_file(off)
    assert "ClockOff" not in files.host_file(HostLimits(disabled=("ClockOff",)))


def test_each_says_how_bad_it_is_what_it_is_and_where_to_read_on() -> None:
    for rule in rules(files.stack_file(SHOP, MEASURED)) + rules(files.host_file(HostLimits(), "https://wiki.example.com/{runbook}")):
        if rule["alert"] in RUNBOOKS:
            page = RUNBOOKS[rule["alert"]]
            assert rule["labels"]["severity"] in ("critical", "warning") and rule["annotations"]["summary"]
            assert rule["annotations"]["runbook"] == f"opsctl runbook {page}"
            assert rule["annotations"]["runbook_url"].startswith(f"https://wiki.example.com/{page}")


def test_limits_of_the_declaration_are_those_of_the_rules() -> None:
    limits = StackLimits(error_warning=1, error_critical=50, latency=0.3, min_requests=7, cpu=50, memory=60, throttled=70, restarts=9)
    limits = replace(limits, replication_bytes=123456, redis_memory=33)
    text = files.stack_file(MonitoredStack("shop", services={"web": "critical"}, limits=limits), MEASURED)
    for wanted in ("> 123456", "> 0.33 and", "> 0.01 and", "> 0.5 and", "> 0.3 and", ">= 6.5", "> 0.5,", "> 0.6,", "> 0.7,", ">= 8.5"):
        assert wanted in text, wanted
    host = files.host_file(HostLimits(cpu=50, memory=60, disk_hours=1, inodes=70, clock=3, conntrack=55))
    for wanted in ("> 0.5", "> 0.6", ", 3600) < 0", "> 0.7", "> 3 or", "> 0.55"):
        assert wanted in host, wanted
