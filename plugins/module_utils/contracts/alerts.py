# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the alerts that role monitoring brings, each with its runbook (docs/runbooks); objectives have theirs in C(slo/alerts)."""

from __future__ import annotations

from collections.abc import Mapping

STACK_ALERTS: Mapping[str, str] = {
    "ServiceDown": "service-not-responding",
    "HighErrorRate": "high-error-rate",
    "HighLatency": "high-latency",
    "ContainerCpuHigh": "high-cpu",
    "ContainerMemoryNearLimit": "high-memory",
    "ContainerThrottled": "high-cpu",
    "ContainerOutOfMemory": "high-memory",
    "ContainerCrashLoop": "crash-loop",
    "CertificateEnds": "certificate",
    "BackupTooOld": "backup",
    "SecretTooOld": "secret-rotation",
    "DatabaseExporterFailing": "database-exporter",
    "DatabaseConnectionsHigh": "database-connections",
    "ReplicationLag": "replication-lag",
    "QueueDepth": "queue-depth",
    "RedisMemoryHigh": "redis-limits",
    "RedisRejectedConnections": "redis-limits",
}
HOST_ALERTS: Mapping[str, str] = {
    "HostCpuHigh": "high-cpu",
    "HostMemoryHigh": "high-memory",
    "DiskFullSoon": "disk-full",
    "InodesNearlyUsed": "disk-full",
    "ClockOff": "clock",
    "ConntrackNearlyFull": "conntrack-full",
    "RebootDue": "reboot-required",
    "HostCertificateEnds": "host-certificate",
    "LogSinkDown": "log-shipping",
    "LogQueueFilling": "log-shipping",
    "LogsDropped": "log-shipping",
    "ExporterGone": "exporter-gone",
    "WatchdogSilent": "unit-down",
    "RuleEvaluationFailing": "monitoring-rules",
    "ConfigReloadFailed": "monitoring-rules",
    "PrometheusNotReady": "monitoring-down",
    "AlertmanagerNotReady": "monitoring-down",
    "AlertsNotDelivered": "alerts-not-delivered",
}
RUNBOOKS: Mapping[str, str] = {**STACK_ALERTS, **HOST_ALERTS}
