# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start images: made once for the same sources, another one for others, and never the last word on who a host is."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import FakeEngine


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with one role, and nothing else that a start image is made of."""
    import rootfs
    import start_image

    (tmp_path / "roles/base/tasks").mkdir(parents=True)
    (tmp_path / "roles/base/tasks/main.yml").write_text("- one\n")
    monkeypatch.setattr(start_image, "ROOT", tmp_path)
    monkeypatch.setattr(start_image, "SOURCES", ("roles",))
    monkeypatch.setattr(rootfs, "public_key", lambda: "key")
    return tmp_path


def test_other_sources_make_another_image(checkout: Path) -> None:
    import start_image

    first = start_image.name("forky")
    assert first.startswith("latentum-ops-test/start-forky:")
    assert start_image.name("forky") == first
    (checkout / "roles/base/tasks/__pycache__").mkdir()
    (checkout / "roles/base/tasks/__pycache__/x.pyc").write_text("compiled")
    assert start_image.name("forky") == first
    (checkout / "roles/base/tasks/main.yml").write_text("- two\n")
    second = start_image.name("forky")
    (checkout / "roles/base/tasks/main.yml").rename(checkout / "roles/base/tasks/other.yml")
    assert len({first, second, start_image.name("forky"), start_image.name("trixie")}) == 4


def test_it_is_made_once(checkout: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    import start_image

    made: list[str] = []
    fake_engine.answer = lambda argv: (0 if made else 1, "") if argv[:2] == ("image", "inspect") else None
    monkeypatch.setattr(start_image, "make", lambda _platform, image: made.append(image))
    assert start_image.ensure("forky") == start_image.ensure("forky") == start_image.name("forky")
    assert made == [start_image.name("forky")]


def test_the_oldest_go_with_their_volumes_unless_a_host_stands_on_them(fake_engine: FakeEngine) -> None:
    import start_image

    listed = "\n".join(f"latentum-ops-test/start-forky:{number}" for number in range(start_image.KEPT + 2))
    used, unused = f"latentum-ops-test/start-forky:{start_image.KEPT}", f"latentum-ops-test/start-forky:{start_image.KEPT + 1}"

    def answer(argv: tuple[str, ...]) -> tuple[int, str] | None:
        if argv[:2] == ("image", "ls"):
            return 0, listed
        if argv[:2] == ("image", "inspect"):
            return 0, f"volume-of-{argv[-1][-1]}\n"
        return (1, "a container uses it") if argv == ("image", "rm", used) else None

    fake_engine.answer = answer
    start_image.forget_superseded("forky")
    assert fake_engine.called("image", "rm") == [("image", "rm", used), ("image", "rm", unused)]
    assert fake_engine.called("volume") == [("volume", "rm", "--force", f"volume-of-{unused[-1]}")]
