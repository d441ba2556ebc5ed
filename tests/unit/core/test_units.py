# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.units import nginx_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10m", 10 * 1024**2),
        ("512k", 512 * 1024),
        ("1g", 1024**3),
        ("1G", 1024**3),
        ("2gb", 2 * 1024**3),
        ("1.5GiB", 1536 * 1024**2),
        ("100", 100),
        ("100b", 100),
        ("1t", 1024**4),
        ("0", 0),
        (4096, 4096),
    ],
)
def test_size(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "10x", "ten", "-1m", "10 m b", "9" * 400 + "m", -1, True, None, 1.5])
def test_size_refused(text: object) -> None:
    with pytest.raises(ValueError, match="such as 10m"):
        parse_size(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("1m30s", 90),
        ("1m 30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("250us", 0.00025),
        ("60", 60),
        ("0", 0),
        (60, 60),
        (0.5, 0.5),
    ],
)
def test_duration(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1 minute", "1m30", "-5s", "soon", -1, True, None])
def test_duration_refused(text: object) -> None:
    with pytest.raises(ValueError, match="such as 500ms"):
        parse_duration(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "text"), [(10 * 1024**2, "10m"), (1024**3, "1g"), (1536, "1536"), (2048, "2k"), (0, "0")])
def test_size_for_nginx(size: int, text: str) -> None:
    assert nginx_size(size) == text
