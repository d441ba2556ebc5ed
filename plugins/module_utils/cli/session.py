# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command in a container, with the terminal, the input, the signals and the exit status of whoever called."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from ..containers.api import CHUNK, EngineApi, EngineError, frames
from ..containers.client import Container
from .output import CLOSED

FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
ENDED = 5.0  # seconds for the engine to know the exit status of a command whose outputs are closed
HANGUP = 3.0  # seconds that a command has to end after the terminal went away


def is_terminal() -> bool:
    """Whether somebody sits there: input and output are one terminal. With one of them elsewhere a terminal would spoil the data."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty())


class Session:
    """One command in one container.

    :param terminal: the container gets one, as wide and high as ours.
    """

    def __init__(self, api: EngineApi, container: Container, argv: Sequence[str], *, user: str, terminal: bool) -> None:
        self.api, self.container, self.terminal = api, container, terminal
        config: dict[str, Any] = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": terminal, "Cmd": list(argv)}
        if user:
            config["User"] = user
        if terminal:
            config["Env"] = [f"TERM={os.environ.get('TERM') or 'xterm'}"]
        self.execution = api.create_execution(container.id, config)
        self._input: int | None = sys.stdin.fileno() if sys.stdin else None
        self._outgoing = b""  # of the input, what the engine has not taken yet
        self._hung_up = 0.0

    def run(self) -> int:
        """Carry it out to its end; its exit status.

        :raises EngineError: it could not be started; the message is the engine's own.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with self._signals(writer), self._raw():
            channel, first = self.api.attach_execution(self.execution, terminal=self._size() if self.terminal else None)
            with channel:
                self._resize()
                closed = self._carry(channel, first, reader)
        if closed:
            return CLOSED
        try:
            return self._status()
        except OSError:
            if self._hung_up:
                return 128 + signal.SIGHUP
            raise

    @contextmanager
    def _signals(self, wake: int) -> Iterator[None]:
        """Signals wake the loop, which hands them on: the engine has no way to do so."""
        signals = (*FORWARDED, signal.SIGWINCH)

        def nothing(_number: int, _frame: FrameType | None) -> None:
            """The number comes through the pipe."""

        before = {number: signal.signal(number, nothing) for number in signals}
        waking = signal.set_wakeup_fd(wake)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waking)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _raw(self) -> Iterator[None]:
        """Every key goes to the container; the terminal is as it was afterwards, whatever happens."""
        if not self.terminal:
            yield
            return
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setraw(descriptor)
        try:
            yield
        finally:
            with suppress(termios.error, OSError):  # the terminal is gone
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    def _carry(self, channel: socket.socket, rest: bytes, wake: int) -> bool:
        """Everything to and fro until the command has ended; True when our own reader went away before."""
        try:
            rest = self._show(rest)
            while True:
                # No more input before the last was taken: a command that writes first, and reads then, would wait for us as we for it.
                wanted = [] if self._input is None or self._outgoing else [self._input]
                sending = [channel.fileno()] if self._outgoing else []
                ready, writable, _odd = select.select([channel.fileno(), wake, *wanted], sending, [], HANGUP if self._hung_up else None)
                if self._hung_up and time.monotonic() - self._hung_up > HANGUP:
                    return False
                if wake in ready:
                    for number in os.read(wake, 256):
                        self._signalled(number)
                if self._input in ready:
                    self._take_input(channel)
                if writable:
                    self._send(channel)
                if channel.fileno() in ready:
                    with suppress(ConnectionResetError):
                        if part := channel.recv(CHUNK):
                            rest = self._show(rest + part)
                            continue
                    return False
        except BrokenPipeError:
            self._kill(signal.SIGTERM)  # or it would write to nobody for ever
            return True

    def _take_input(self, channel: socket.socket) -> None:
        """The next part of our input; its end is the end of what the command can read."""
        try:
            self._outgoing = os.read(sys.stdin.fileno(), CHUNK)
        except OSError:  # the terminal is gone
            self._outgoing = b""
        if not self._outgoing:
            self._input = None
            with suppress(OSError):  # the command has ended
                channel.shutdown(socket.SHUT_WR)

    def _send(self, channel: socket.socket) -> None:
        """As much of the input as the engine takes now."""
        try:
            self._outgoing = self._outgoing[channel.send(self._outgoing, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return
        except OSError:  # the command has ended, and reads nothing any more
            self._input, self._outgoing = None, b""

    def _show(self, raw: bytes) -> bytes:
        """Write what came; what belongs to a frame that is not whole yet.

        :raises BrokenPipeError: nobody reads it.
        """
        if self.terminal:
            _write(1, raw)
            return b""
        whole, rest = frames(raw)
        for stream, part in whole:
            _write(2 if stream == 2 else 1, part)
        return rest

    def _signalled(self, number: int) -> None:
        if number == signal.SIGWINCH:
            self._resize()
        else:
            self._kill(number)
        if number == signal.SIGHUP:
            self._hung_up = time.monotonic()

    def _size(self) -> tuple[int, int]:
        size = shutil.get_terminal_size()
        return size.lines, size.columns

    def _resize(self) -> None:
        with suppress(OSError):
            if self.terminal:
                self.api.resize_execution(self.execution, *self._size())

    def _kill(self, number: int) -> None:
        """The signal to the command and to what it has started: the engine names its process on the host."""
        with suppress(OSError):
            state = self.api.inspect_execution(self.execution)
            process = int(state.get("Pid") or 0)
            if process <= 1 or not state.get("Running"):
                return
            if os.getpgid(process) == process:  # it leads a group of its own, as everything does that the engine executes
                os.killpg(process, number)
            else:
                os.kill(process, number)

    def _status(self) -> int:
        """Its exit status, as soon as the engine knows it."""
        deadline = time.monotonic() + ENDED
        while True:
            state: Mapping[str, Any] = self.api.inspect_execution(self.execution)
            if not state.get("Running") and state.get("ExitCode") is not None:
                return int(state["ExitCode"])
            if time.monotonic() > deadline:
                raise EngineError(f"the command in {self.container.name} has closed its outputs, and goes on without them")
            time.sleep(0.02)


def _write(descriptor: int, data: bytes) -> None:
    """All of it, also to a pipe that somebody has made non-blocking."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
