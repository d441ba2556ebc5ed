# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of the declaration, in the order in which an operator reads it and its errors.

A new section is a folder with a module C(section), and its line here.
"""

from __future__ import annotations

from importlib import import_module

from .model import Section

FOLDERS = (
    "routes",
    "streams",
    "certificates",
    "services",
    "metrics",
    "files",
    "builds",
    "models",
    "secrets",
    "network",
    "updates",
    "watchdog",
    "backups",
    "jobs",
    "monitoring",
    "slos",
    "delivery",
)
SECTIONS: tuple[Section, ...] = tuple(import_module(f".{folder}.section", __package__).SECTION for folder in FOLDERS)
