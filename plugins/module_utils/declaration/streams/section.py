# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section C(streams). Its upstreams, openings and names are part of those of the routes."""

from __future__ import annotations

from ..model import Part, Section
from .checks import check_streams
from .derive import claims, domains, openings, upstreams
from .model import streams_from
from .schema import STREAMS

SECTION = Section(
    parts={"streams": Part(STREAMS, streams_from)},
    checks=(check_streams,),
    facts={"stream_upstreams": upstreams, "stream_openings": openings, "stream_domains": domains},
    claims=claims,
)
