# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: brings databases, caches, volumes and folders together, writes them to targets, and proves that they come back.

``restic`` speaks to the targets, ``barman`` receives what the databases write; ``running`` makes a backup and ``verification`` restores
one beside the production; ``restoring`` does so for good. What is known about all of it is one small file a stack (``state``), which the
watchdog and opsctl read.
"""
