# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks of records beside the tree and the log host: Loki, Elasticsearch, OpenSearch, VictoriaLogs.

The tree is the queue of each of them. rsyslog has no module for two of the four in any package of Debian or Ubuntu (omhttp is built in none
of them), and would have to read the tree by imfile; so the engine sends what it has written itself.
"""
