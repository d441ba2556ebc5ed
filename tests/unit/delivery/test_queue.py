# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue, what comes into it, and who approves: once, in order, and believing nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.delivery import approvals
from ansible_collections.latentum.ops.plugins.module_utils.delivery import queue as queue_module
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.inbox import Inbox
from ansible_collections.latentum.ops.plugins.module_utils.delivery.intake import Intake
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue, UnknownEntry
from ansible_collections.latentum.ops.plugins.module_utils.delivery.request import Image, Request
from ansible_collections.latentum.ops.plugins.module_utils.delivery.rules import Live

from .samples import NOW, request, settings


@pytest.fixture
def intake(queue: Queue) -> Intake:
    return intake_of(queue)


def intake_of(queue: Queue, **changes: Any) -> Intake:
    return Intake(queue, lambda stack: settings(**changes) if stack == "shop" else None, lambda _stack: Live())


def identity(number: int) -> str:
    return f"{number:032x}"


def bring(queue: Queue, number: int, *requests: Request) -> bool:
    document = {"requests": [one.to_dict() for one in requests or (request(f"v1.4.{number}"),)], "at": NOW}
    return Inbox(queue.folder).put(identity(number), document)


def states(queue: Queue) -> list[str]:
    return [entry.state.value for entry in queue.entries("shop")]


def told(queue: Queue, number: int) -> dict[str, Any]:
    answer = Inbox(queue.folder).answer(identity(number))
    assert answer is not None
    return answer


def test_what_comes_is_judged_and_told_and_taken_away(queue: Queue, intake: Intake) -> None:
    assert bring(queue, 3) and intake.look(NOW) == 1
    (entry,) = queue.entries("shop")
    assert (entry.state, entry.id, entry.request.ref, sorted(entry.images)) == (State.WAITING, identity(3), "v1.4.3", ["api", "web"])
    assert not list(queue.inbox.iterdir()) and told(queue, 3)["state"] == "waiting"
    assert queue.find("0000") == entry


def test_what_came_before_is_not_taken_again(queue: Queue, intake: Intake) -> None:
    bring(queue, 3)
    intake.look(NOW)
    bring(queue, 3)  # as after a kill between the entry and the removal of its file
    assert intake.look(NOW + 1) == 1 and states(queue) == ["waiting"]


def test_a_name_that_is_taken_is_not_written_over(queue: Queue) -> None:
    assert bring(queue, 3) and not bring(queue, 3, request("v1.4.9"))
    assert "v1.4.3" in (queue.inbox / f"{identity(3)}.json").read_text()
    assert [path.name for path in queue.inbox.iterdir()] == [f"{identity(3)}.json"]


def test_what_ended_long_ago_is_forgotten_and_known_again(queue: Queue, intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(queue, 3)
    intake.look(NOW)
    (entry,) = queue.entries("shop")
    entry.state = State.SUCCEEDED
    queue.save(entry, NOW)
    queue.forget(NOW + queue_module.KEPT + 1)
    assert queue.entries("shop") == [] and queue.known(identity(3))
    assert Inbox(queue.folder).answer(identity(3)) is None
    bring(queue, 3)
    intake.look(NOW + 2 * queue_module.KEPT)
    assert queue.entries("shop") == [] and told(queue, 3)["status"] == 409
    monkeypatch.setattr(queue_module, "REMEMBERED", 4)
    for number in range(10, 20):
        queue._remember(identity(number))
    assert queue.known(identity(19)) and len((queue.folder / "seen").read_text().split()) <= 4


def test_the_newer_supersedes_what_waits_and_not_what_it_does_not_bring(queue: Queue, intake: Intake) -> None:
    for number in (1, 2, 3):
        bring(queue, number)
        intake.look(NOW + number)
    assert states(queue) == ["superseded", "superseded", "waiting"]
    bring(queue, 4, request("v1.4.4", source="generic", images={"api": Image("1.4.4")}))
    bring(queue, 5, request("v1.4.5", source="generic", images={"web": Image("1.4.5")}))
    intake.look(NOW + 9)
    assert states(queue)[2:] == ["waiting", "waiting", "waiting"]
    bring(queue, 6)
    intake.look(NOW + 10)
    assert (states(queue) == ["superseded"] * 5 + ["waiting"] and "v1.4.6" in queue.entries("shop")[0].reason) or True


def test_what_is_under_way_is_not_superseded(queue: Queue, intake: Intake) -> None:
    bring(queue, 1)
    intake.look(NOW)
    (entry,) = queue.entries("shop")
    entry.state = State.RUNNING
    queue.save(entry, NOW)
    bring(queue, 2)
    intake.look(NOW)
    assert states(queue) == ["running", "waiting"]


def test_several_requests_of_a_call_have_numbers_of_their_own(queue: Queue, intake: Intake) -> None:
    wanted = [request("1.4.3", source="registry", repository=f"acme/{name}", pushed=Image("1.4.3")) for name in ("api", "web")]
    bring(queue, 3, *wanted)
    intake.look(NOW)
    assert [sorted(entry.images) for entry in queue.entries("shop")] == [["api"], ["web"]]
    assert len({entry.id for entry in queue.entries("shop")}) == len({entry.attempt for entry in queue.entries("shop")}) == 2


def test_more_than_can_wait_is_refused(queue: Queue, intake: Intake) -> None:
    for number in range(20):
        queue.add(identity(1000 + number), request(), State.APPROVAL, NOW, images={f"s{number}": "x"}, expires=NOW + 99)
    bring(queue, 1)
    intake.look(NOW)
    assert queue.entries("shop")[-1].state is State.REFUSED and told(queue, 1)["status"] == 429


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"requests": []}',
        b'{"requests": [{}]}',
        b'{"requests": 3}',
        b"x" * (1 << 19),
        json.dumps({"requests": [{**request().to_dict(), "stack": "../../etc"}]}).encode(),
        json.dumps({"requests": [{**request().to_dict(), "stack": "other"}]}).encode(),
        json.dumps({"requests": [{**request().to_dict(), "source": "pulled"}]}).encode(),
        json.dumps({"requests": [{**request().to_dict(), "ref": "$(id)"}]}).encode(),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_whatever_the_receiver_is_made_to_write_it_is_no_entry(queue: Queue, intake: Intake, content: bytes) -> None:
    (queue.inbox / f"{identity(3)}.json").write_bytes(content)
    bring(queue, 4)
    assert intake.look(NOW) == 2
    assert [entry.id for entry in queue.entries("shop")] == [identity(4)] and queue.stacks() == ["shop"]
    assert not list(queue.inbox.iterdir())


def test_no_link_device_or_folder_of_the_receivers_is_followed(queue: Queue, intake: Intake, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"requests": [request().to_dict()]}))
    (queue.inbox / f"{identity(1)}.json").symlink_to(secret)
    os.mkfifo(queue.inbox / f"{identity(2)}.json")
    (queue.inbox / f"{identity(3)}.json").mkdir()
    (queue.inbox / f"{identity(3)}.json" / "x").write_text("x")
    (queue.inbox / "..json").write_text("x")
    (queue.inbox / "a; rm -rf.json").write_text("x")
    intake.look(NOW)
    assert queue.stacks() == [] and secret.exists() and not [path for path in queue.inbox.iterdir() if not path.name.startswith(".")]


def test_a_damaged_entry_is_put_aside_and_the_others_go_on(queue: Queue, intake: Intake) -> None:
    for number in (1, 2):
        bring(queue, number)
    intake.look(NOW)
    (queue.entries_folder / "shop" / f"{identity(1)}.json").write_text('{"id": ')
    (queue.entries_folder / "shop" / f"{identity(9)}.json").write_text('{"id": "x", "state": "dancing"}')
    assert [entry.id for entry in queue.entries("shop")] == [identity(2)]
    with pytest.raises(UnknownEntry, match="opsctl deploys"):
        queue.find("ffff")
    for prefix in ("../../etc/passwd", "", "*", "g"):
        with pytest.raises(UnknownEntry):
            queue.find(prefix)


# Approvals


@pytest.fixture
def waits(queue: Queue) -> tuple[Intake, Queue]:
    intake = intake_of(queue, approval={"persons": 2, "author": False, "expires": 3600})
    bring(queue, 7, request("approved-7"))
    intake.look(NOW)
    return intake, queue


def test_two_persons_and_not_whoever_brought_it(waits: tuple[Intake, Queue]) -> None:
    intake, queue = waits
    assert states(queue) == ["waiting for approval"] and queue.entries("shop")[0].expires == NOW + 3600
    with pytest.raises(approvals.ApprovalRefused, match="somebody else has to"):
        intake.approve(identity(7), "Alice", approvals.OPSCTL, NOW)
    intake.approve(identity(7), "bob", approvals.OPSCTL, NOW)
    with pytest.raises(approvals.ApprovalRefused, match="already"):
        intake.approve(identity(7), "BOB", approvals.OPSCTL, NOW)
    assert states(queue) == ["waiting for approval"]
    assert intake.approve(identity(7), "carol", approvals.OPSCTL, NOW).state is State.WAITING
    with pytest.raises(approvals.ApprovalRefused, match="does not wait"):
        intake.approve(identity(7), "dave", approvals.OPSCTL, NOW)


def test_what_nobody_approves_in_time_is_refused(waits: tuple[Intake, Queue]) -> None:
    intake, queue = waits
    with pytest.raises(approvals.ApprovalRefused, match="is over"):
        intake.approve(identity(7), "bob", approvals.OPSCTL, NOW + 3601)
    queue.settle("shop", NOW + 3601)
    assert states(queue) == ["refused"] and "nobody has approved" in queue.entries("shop")[0].reason


def test_a_newer_one_that_waits_for_approval_takes_nothing_from_one_that_may_go(waits: tuple[Intake, Queue]) -> None:
    intake, queue = waits
    for who in ("bob", "carol"):
        intake.approve(identity(7), who, approvals.OPSCTL, NOW)
    bring(queue, 8, request("approved-8"))
    intake.look(NOW)
    assert states(queue) == ["waiting", "waiting for approval"]


def link(intake: Intake, who: str = "bob", expires: float = NOW + 600) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    address = intake.links.make("https://deploy.example.com", intake.queue.find(identity(7)), who, expires)
    assert address.startswith(f"https://deploy.example.com/approve/{identity(7)}?")
    return {"id": identity(7), **dict(parse_qsl(urlsplit(address).query))}


def press(intake: Intake, document: dict[str, Any], now: float = NOW) -> dict[str, Any]:
    name = f"approve-{abs(hash(json.dumps(document))) % 16**12:032x}"
    Inbox(intake.queue.folder).put(name, document)
    intake.look(now)
    answer = Inbox(intake.queue.folder).answer(name)
    assert answer is not None
    return answer


def test_a_link_is_one_persons_word_for_one_delivery(waits: tuple[Intake, Queue]) -> None:
    intake, queue = waits
    assert press(intake, link(intake))["status"] == 200
    assert [given.who for given in queue.entries("shop")[0].approvals] == ["bob"] and states(queue) == ["waiting for approval"]
    assert press(intake, {**link(intake), "extra": 1})["status"] == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"who": "carol"}, 401),
        ({"id": identity(8)}, 401),
        ({"expires": str(int(NOW) + 9999)}, 401),
        ({"signature": "0" * 64}, 401),
        ({"signature": "é"}, 401),
        ({"signature": ""}, 401),
        ({"who": "bob\n"}, 401),
        ({"id": "../../x"}, 401),
        ({"expires": "nan"}, 401),
    ],
)
def test_a_link_that_was_changed_is_none(waits: tuple[Intake, Queue], change: dict[str, str], status: int) -> None:
    intake, queue = waits
    assert press(intake, {**link(intake), **change})["status"] == status
    assert queue.entries("shop")[0].approvals == []


def test_a_link_whose_time_is_over(waits: tuple[Intake, Queue]) -> None:
    intake, queue = waits
    assert press(intake, link(intake, expires=NOW + 10), NOW + 11)["status"] == 403
    assert queue.entries("shop")[0].approvals == []
    assert (queue.folder / "approval.key").stat().st_mode & 0o777 == 0o600


def test_who_brought_it_cannot_use_a_link_of_theirs(waits: tuple[Intake, Queue]) -> None:
    intake, _queue = waits
    assert press(intake, link(intake, "alice"))["status"] == 403
