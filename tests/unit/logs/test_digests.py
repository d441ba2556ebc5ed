# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of digests: what is found when somebody changes a closed day, and what retention removes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs import digests
from ansible_collections.latentum.ops.plugins.module_utils.logs.digests import close, verify
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Kept

KEEP = {"application": Kept(90), "system": Kept(90), "access": Kept(366), "audit": Kept(366)}
AUDIT = "2026-11-28/web1/_host/auditd.audit.jsonl"


def write(tree: Path, path: str, numbers: range | list[int], source: str = "a@1.r") -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    with (tree / path).open("ab") as file:
        for number in numbers:
            file.write(encode("2026-11-28T16:00:00Z", source, number, "", f"{path} {number}"))


def plain_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two closed days, and the present one."""
    write(tmp_path, "2026-11-27/web1/shop/api.application.jsonl", range(1, 101))
    assert close(tmp_path, "2026-11-28", KEEP)
    write(tmp_path, AUDIT, range(1, 51))
    write(tmp_path, "2026-11-28/web1/shop/api.application.jsonl", range(101, 151))
    assert close(tmp_path, "2026-11-29", KEEP)
    write(tmp_path, "2026-11-29/web1/shop/api.application.jsonl", range(151, 161))
    return tmp_path


def test_closed_days_are_compressed_read_only_and_verified(tree: Path) -> None:
    seen = verify(tree)
    assert (seen.entries, seen.files, seen.problems) == (2, 3, [])
    assert (tree / f"{AUDIT}.gz").stat().st_mode & 0o777 == 0o440 and not (tree / AUDIT).exists()
    assert plain_of(tree / f"{AUDIT}.gz").count(b"\n") == 50
    assert (tree / "2026-11-29/web1/shop/api.application.jsonl").exists()
    assert close(tree, "2026-11-29", KEEP) is None and verify(tree).entries == 2


def changed(tree: Path) -> None:
    path = tree / f"{AUDIT}.gz"
    text = plain_of(path).replace(b' 7"', b' 8"')
    path.chmod(0o640)
    path.write_bytes(gzip.compress(text))


def removed(tree: Path) -> None:
    (tree / f"{AUDIT}.gz").unlink()


def added(tree: Path) -> None:
    (tree / "2026-11-28/web1/_host/evil.audit.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))


def swapped(tree: Path) -> None:
    one, other = tree / f"{AUDIT}.gz", tree / "2026-11-28/web1/shop/api.application.jsonl.gz"
    data = one.read_bytes()
    shutil.copyfile(other, one)
    other.chmod(0o640)
    other.write_bytes(data)


def entry_changed(tree: Path) -> None:
    """With the file, so that both fit: the next entry knows the old one."""
    path = tree / "2026-11-27/web1/shop/api.application.jsonl.gz"
    path.chmod(0o640)
    path.write_bytes(gzip.compress(b"{}\n"))
    entry = tree / "digests/000001.json"
    raw = json.loads(entry.read_text())
    raw["files"][str(path.relative_to(tree))]["sha256"] = digests._sha256(path)
    entry.chmod(0o640)
    entry.write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n")


def entry_removed(tree: Path) -> None:
    (tree / "digests/000001.json").unlink()


def entry_broken(tree: Path) -> None:
    (tree / "digests/000002.json").chmod(0o640)
    (tree / "digests/000002.json").write_text('{"number": 2}')


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (changed, f"{AUDIT}.gz was changed after it was closed"),
        (removed, f"{AUDIT}.gz is gone"),
        (added, "evil.audit.jsonl.gz is in no entry"),
        (swapped, f"{AUDIT}.gz was changed"),
        (entry_changed, "digests/000001.json was changed"),
        (entry_removed, "digests/000001.json is missing"),
        (entry_broken, "000002.json is damaged"),
    ],
)
def test_tampering_is_found_and_named(tree: Path, tamper: Callable[[Path], None], named: str) -> None:
    tamper(tree)
    assert any(named in problem for problem in verify(tree).problems), verify(tree).problems


def test_a_chain_that_was_written_anew_is_found_by_a_digest_noted_elsewhere(tree: Path) -> None:
    known = verify(tree).head
    assert verify(tree, known).problems == []
    shutil.rmtree(tree / "digests")
    changed(tree)
    for path in tree.glob("2026-11-2[78]/*/*/*.gz"):
        plain = path.with_suffix("")
        plain.write_bytes(plain_of(path))
        path.unlink()
    close(tree, "2026-11-29", KEEP)
    assert verify(tree).problems == []
    assert any("written anew" in problem for problem in verify(tree, known).problems)


def test_nothing_is_written_behind_a_damaged_entry(tree: Path) -> None:
    entry_broken(tree)
    with pytest.raises(ValueError, match=r"000002\.json is damaged"):
        close(tree, "2026-11-30", KEEP)
    assert (tree / "2026-11-29/web1/shop/api.application.jsonl").exists()


def test_what_came_twice_is_closed_once_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    name = "2026-11-28/web1/shop/api.application.jsonl"
    write(tmp_path, name, [1, 2, 3, 2, 3, 4, 8])
    write(tmp_path, name, [1, 2], "b@2.r")
    write(tmp_path, "2026-11-28/web2/shop/api.application.jsonl", [1, 2, 3])  # another host counts for itself
    entry = close(tmp_path, "2026-11-29", KEEP)
    assert entry is not None
    about = entry.files[f"{name}.gz"]
    assert (about["lines"], about["doubled"], about["missing"]) == (7, 2, 3)
    assert entry.files["2026-11-28/web2/shop/api.application.jsonl.gz"]["doubled"] == 0


def test_a_resumed_session_after_midnight_doubles_nothing(tree: Path) -> None:
    write(tree, "2026-11-29/web1/shop/api.application.jsonl", range(140, 165))
    entry = close(tree, "2026-11-30", KEEP)
    assert entry is not None
    about = entry.files["2026-11-29/web1/shop/api.application.jsonl.gz"]
    assert (about["lines"], about["missing"]) == (14, 0)


def test_what_the_log_host_lacks_is_closed_later(tmp_path: Path) -> None:
    write(tmp_path, AUDIT, range(1, 5))
    assert close(tmp_path, "2026-11-29", KEEP, [AUDIT]) is None and (tmp_path / AUDIT).exists()
    assert close(tmp_path, "2026-11-29", KEEP) is not None


def test_what_comes_after_a_day_was_closed_gets_a_file_of_its_own(tree: Path) -> None:
    write(tree, AUDIT, range(51, 53))
    entry = close(tree, "2026-11-29", KEEP)
    assert entry is not None and list(entry.files) == ["2026-11-28/web1/_host/auditd.audit#2.jsonl.gz"]
    assert verify(tree).problems == []


@pytest.mark.parametrize("moment", ["compressed", "entry written"])
def test_a_crash_while_closing(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, AUDIT, range(1, 51))

    def killed(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "compressed":
            patch.setattr(digests, "write_atomic", killed)
        else:
            patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            close(tmp_path, "2026-11-29", KEEP)
    close(tmp_path, "2026-11-29", KEEP)
    assert verify(tmp_path).problems == [] and not (tmp_path / AUDIT).exists()
    assert plain_of(tmp_path / f"{AUDIT}.gz").count(b"\n") == 50
    assert [path.name for path in tmp_path.glob("2026-11-28/*/*/*")] == ["auditd.audit.jsonl.gz"]


# Retention


def test_retention_removes_what_is_too_old_of_its_class_and_nothing_else(tmp_path: Path) -> None:
    for day in ("2025-11-28", "2026-08-30", "2026-08-31", "2026-11-28"):
        for kind in ("application", "access", "audit", "system"):
            write(tmp_path, f"{day}/web1/shop/api.{kind}.jsonl", range(1, 3), day)
    beside = [
        "2025-11-28/notes.txt",
        "2025-11-28/web1/shop/dump.sql.gz",
        "2025-11-28/web1/shop/api.other.json.gz",
        "elsewhere/a/b/c.audit.jsonl.gz",
    ]
    for name in beside:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    close(tmp_path, "2026-11-29", KEEP)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.gz")} - set(beside)
    expected = {f"{day}/web1/shop/api.{kind}.jsonl.gz" for day in ("2026-08-31", "2026-11-28") for kind in ("application", "system")}
    expected |= {
        f"{day}/web1/shop/api.{kind}.jsonl.gz"
        for day in ("2025-11-28", "2026-08-30", "2026-08-31", "2026-11-28")
        for kind in ("access", "audit")
    }
    assert there == expected
    assert all((tmp_path / name).read_text() == "mine" for name in beside)
    assert verify(tmp_path).problems == []
    close(tmp_path, "2026-11-30", KEEP)
    assert not list(tmp_path.glob("2025-11-28/web1/shop/api.a*.gz")) and all((tmp_path / name).exists() for name in beside)
    assert verify(tmp_path).problems == []


def test_retention_by_size_removes_the_oldest_days(tmp_path: Path) -> None:
    for number in range(1, 8):
        write(tmp_path, f"2026-11-0{number}/web1/shop/api.application.jsonl", range(1, 2000), str(number))
        write(tmp_path, f"2026-11-0{number}/web1/_host/auditd.audit.jsonl", range(1, 2000), str(number))
    close(tmp_path, "2026-11-08", KEEP)
    one = (tmp_path / "2026-11-01/web1/shop/api.application.jsonl.gz").stat().st_size
    close(tmp_path, "2026-11-08", {**KEEP, "application": Kept(90, 3 * one + one // 2)})
    assert sorted(path.parts[-4] for path in tmp_path.glob("*/*/*/*.application.*")) == ["2026-11-05", "2026-11-06", "2026-11-07"]
    assert len(list(tmp_path.glob("*/*/*/*.audit.*"))) == 7
    assert verify(tmp_path).problems == []


def test_a_class_without_a_declared_age_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "2001-01-01/web1/_host/auditd.audit.jsonl", range(1, 3))
    close(tmp_path, "2026-11-29", {"application": Kept(1)})
    assert list(tmp_path.glob("2001-01-01/*/*/*.gz"))


@pytest.mark.parametrize("linked", ["2001-01-01", "2001-01-01/web1", "2001-01-01/web1/shop"])
def test_what_a_link_leads_to_is_not_removed(linked: str, tmp_path: Path) -> None:
    tree, name = tmp_path / "tree", "2001-01-01/web1/shop/api.application.jsonl.gz"
    elsewhere = tmp_path / "elsewhere" / Path(name).relative_to(linked)
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text("mine")
    (tree / linked).parent.mkdir(parents=True)
    (tree / linked).symlink_to(tmp_path / "elsewhere")
    assert (tree / name).exists()
    close(tree, "2026-11-29", KEEP)
    assert elsewhere.read_text() == "mine"


def test_an_empty_tree(tmp_path: Path) -> None:
    assert close(tmp_path, "2026-11-29", KEEP) is None
    assert verify(tmp_path) == digests.Verified(0, 0, "", [])


def test_a_tree_that_cannot_be_read_is_no_tree_without_anything_to_close(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digests.close(tmp_path / "elsewhere", "2026-11-29", {})
