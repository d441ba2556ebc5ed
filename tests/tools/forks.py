# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--forks NUMBER``: the tests in so many processes, forked from one that has collected them.

Workers that each collect thirteen thousand tests for themselves spend a fifth of the processor time of the whole run on that. Here
one process collects, and its forks begin with what it has loaded. Each takes a stretch of the tests, so that the fixtures of a module are
mostly made once; whoever has nothing left takes the second half of what the slowest has before it. The process that collected runs no
test: it hears the reports, and prints and counts them as if it had.
"""

from __future__ import annotations

import builtins
import fcntl
import marshal
import mmap
import os
import selectors
import signal
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

import pytest

LENGTH = struct.Struct("<I")
STRETCH = struct.Struct("<II")  # the next test of a process, and the first that is not its own
PART = 1 << 16  # bytes that are read at once


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption("--forks", type=int, default=0, metavar="NUMBER", help="run the tests in so many processes")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests, where more than one process is wanted for them."""
    number = min(int(session.config.getoption("forks")), len(session.items))
    options = session.config.option
    if number < 2 or options.collectonly or options.usepdb or (session.testsfailed and not options.continue_on_collection_errors):
        return None
    _Forks(session, number).run()
    return True


class _Stretches:
    """What each process has before it, in memory that all of them see."""

    def __init__(self, tests: int, processes: int) -> None:
        self._memory = mmap.mmap(-1, STRETCH.size * processes)
        self._file = TemporaryFile()  # noqa: SIM115 - a lock for as long as the run lasts
        self._processes = processes
        for process in range(processes):
            self._put(process, tests * process // processes, tests * (process + 1) // processes)

    def _put(self, process: int, begin: int, end: int) -> None:
        STRETCH.pack_into(self._memory, STRETCH.size * process, begin, end)

    def _of(self, process: int) -> tuple[int, int]:
        begin, end = STRETCH.unpack_from(self._memory, STRETCH.size * process)
        return begin, end

    def reopen(self) -> None:
        """After a fork: a lock of flock(2) belongs to the open file, which a fork shares."""
        self._file = open(f"/proc/self/fd/{self._file.fileno()}", "r+b")  # noqa: SIM115

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def take(self, process: int) -> int | None:
        """The next test of a process; None when there is none anywhere."""
        with self._locked():
            begin, end = self._of(process)
            if begin == end:
                slowest = max(range(self._processes), key=lambda other: self._of(other)[1] - self._of(other)[0])
                first, end = self._of(slowest)
                begin = (first + end) // 2
                if begin == end:
                    return None
                self._put(slowest, first, begin)
            self._put(process, begin + 1, end)
            return begin

    def drop(self) -> None:
        """No further test begins."""
        with self._locked():
            for process in range(self._processes):
                self._put(process, 0, 0)


@dataclass
class _Fork:
    """A process, as the one that collected sees it.

    :param begun: tests that it has taken and not ended.
    """

    pid: int
    stream: int
    received: bytearray = field(default_factory=bytearray)
    begun: list[int] = field(default_factory=list)
    ended: bool = False


class _Forks:
    """The processes of a run."""

    def __init__(self, session: pytest.Session, number: int) -> None:
        self._session, self._config = session, session.config
        self._stretches = _Stretches(len(session.items), number)
        sys.stdout.flush()
        sys.stderr.flush()
        self._forks = [self._fork(process) for process in range(number)]

    def _fork(self, process: int) -> _Fork:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _run(self._session, self._stretches, process, write)
        os.close(write)
        return _Fork(pid, read)

    def run(self) -> None:
        """Hear all that they say.

        :raises Failed: as many tests failed as were borne (``--maxfail``).
        """
        try:
            with selectors.DefaultSelector() as selector:
                for fork in self._forks:
                    selector.register(fork.stream, selectors.EVENT_READ, fork)
                while selector.get_map():
                    for key, _events in selector.select():
                        if not self._hear(key.data):
                            selector.unregister(key.fd)
                            self._end(key.data)
                    if self._session.shouldstop or self._session.shouldfail:
                        self._stretches.drop()
        except BaseException:
            for fork in self._forks:
                os.kill(fork.pid, signal.SIGTERM)
            raise
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _hear(self, fork: _Fork) -> bool:
        part = os.read(fork.stream, PART)
        fork.received += part
        while len(fork.received) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(fork.received)
            if len(fork.received) < LENGTH.size + length:
                break
            told = marshal.loads(fork.received[LENGTH.size : LENGTH.size + length])  # noqa: S302 - of our own fork
            del fork.received[: LENGTH.size + length]
            self._told(fork, told)
        return bool(part)

    def _told(self, fork: _Fork, told: dict[str, Any]) -> None:
        if "report" in told:
            report = self._config.hook.pytest_report_from_serializable(config=self._config, data=told["report"])
            self._config.hook.pytest_runtest_logreport(report=report)
        elif "warning" in told:
            warning = told["warning"]
            kind = getattr(builtins, warning["kind"], None) or getattr(pytest, warning["kind"], UserWarning)
            message = warnings.WarningMessage(kind(warning["text"]), kind, warning["file"], warning["line"])
            about = {"warning_message": message, "when": "runtest", "nodeid": warning["test"], "location": None}
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=about)
        elif "takes" in told:
            fork.begun.append(told["takes"])
        elif "ends" in told:
            fork.begun.remove(told["ends"])
        else:
            fork.ended = True

    def _end(self, fork: _Fork) -> None:
        os.close(fork.stream)
        _pid, status = os.waitpid(fork.pid, 0)
        if fork.ended and not fork.begun and status == 0:
            return
        for number in fork.begun or [0]:
            item = self._session.items[number]
            why = (
                f"the process that had taken it ended with {os.waitstatus_to_exitcode(status)}"
                if fork.begun
                else "a process did not end well"
            )
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", f"{item.nodeid}: {why}", "call")
            self._config.hook.pytest_runtest_logreport(report=report)


class _Teller:
    """Hands on what pytest says of tests, in the process that runs them."""

    def __init__(self, config: pytest.Config, stream: int) -> None:
        self._config, self._stream = config, stream

    def tell(self, **told: Any) -> None:
        """One message."""
        packed = marshal.dumps(told)
        left = memoryview(LENGTH.pack(len(packed)) + packed)
        while left:
            left = left[os.write(self._stream, left) :]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What came of a test."""
        self.tell(report=self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, nodeid: str) -> None:
        """A warning of a test."""
        about = {"kind": warning_message.category.__name__, "text": str(warning_message.message), "test": nodeid}
        self.tell(warning={**about, "file": warning_message.filename, "line": warning_message.lineno})


def _run(session: pytest.Session, stretches: _Stretches, process: int, stream: int) -> NoReturn:
    """The tests of one process."""
    status = 1
    try:
        config = session.config
        stretches.reopen()
        _apart(config, process)
        teller = _Teller(config, stream)
        config.pluginmanager.register(teller, "forks-teller")
        at = stretches.take(process)
        if at is not None:
            teller.tell(takes=at)
        while at is not None:
            # What comes next is taken before: fixtures that it shares with this one stay.
            after = stretches.take(process)
            if after is not None:
                teller.tell(takes=after)
            following = None if after is None else session.items[after]
            session.config.hook.pytest_runtest_protocol(item=session.items[at], nextitem=following)
            teller.tell(ends=at)
            at = after
        teller.tell(ended=True)
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _apart(config: pytest.Config, process: int) -> None:
    """What belongs to one process: no terminal, files of its own for what tests print, a folder of its own for theirs."""
    for name in ("terminalreporter", "terminalprogress"):
        if plugin := config.pluginmanager.getplugin(name):
            config.pluginmanager.unregister(plugin)
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture and capture.is_globally_capturing():
        capture.stop_global_capturing()
        capture.start_global_capturing()
    factory = config._tmp_path_factory  # type: ignore[attr-defined]
    folder = Path(factory.getbasetemp()) / f"fork-{process}"
    folder.mkdir()
    factory._basetemp = folder
