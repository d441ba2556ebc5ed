# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of all containers for one scrape: read then, never by a timer, and once for all scrapes of the same second."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ..core.journal import log
from . import block_io, cpu, memory, network
from .block_io import Devices
from .cgroups import Cgroup, Hierarchy, find, hierarchies
from .exposition import Exposition, labels
from .families import FAMILIES, Sample
from .inventory import Described, Inventory
from .kernel_files import read, table

FRESH = 1.0  # seconds for which what was read is given to whoever asks
PATIENCE = 8.0  # seconds that a scrape waits for another one; Prometheus waits ten
LABEL = "container_label_"  # before the labels of a container, as cAdvisor has it


class Busy(Exception):
    """Another scrape has been reading for too long."""


@dataclass(frozen=True)
class Life:
    """One life of a container, from its start to its end.

    :param base: its labels as text.
    :param generation: of its control group.
    """

    container: Described
    cgroup: Cgroup | None
    generation: tuple[int, ...]
    base: str


class Exporter:
    """Reads the counters of the containers in an inventory.

    :param proc, system: where procfs and sysfs are.
    """

    def __init__(
        self, inventory: Inventory, proc: str = "/proc", system: str = "/sys", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.inventory = inventory
        self._proc = proc
        self._clock = clock
        self._devices = Devices(system)
        self._reading = Lock()
        self._lives: dict[str, Life] = {}
        self._bases: dict[str, str] = {}  # labels, also of those that do not run
        self._scopes = False  # groups are named by systemd
        self._mounted: list[Hierarchy] = []
        self._text, self._read_at = b"", -FRESH
        self._hidden = self._seen = 0  # containers whose traffic could, or could not, be read in this scrape
        self._told = False

    def scrape(self) -> bytes:
        """The text for Prometheus.

        :raises Busy: another scrape has been reading for too long.
        """
        if not self._reading.acquire(timeout=PATIENCE):
            raise Busy("another scrape is still reading: the engine or the kernel does not answer")
        try:
            if self._clock() - self._read_at >= FRESH:
                self._text = self._read()
                self._read_at = self._clock()
            return self._text
        finally:
            self._reading.release()

    def _read(self) -> bytes:
        exposition = Exposition(FAMILIES)
        whole = self.inventory.refresh()
        if not self._lives:
            self._mounted = hierarchies(read(self._proc, "self/mountinfo"))
            self._devices.forget()
        self._hidden = self._seen = 0
        lives, bases, now = {}, {}, int(time.time())
        for container in self.inventory.containers():
            life = self._life(container) if container.running else None
            if life and (samples := self._counters(life)) is not None:
                lives[container.id] = life
                exposition.add(life.base, samples)
                exposition.add(life.base, [("container_last_seen", "", now)])
            # Kept while a container is down: else the kill that has ended it would never be seen.
            kills = memory.oom_kills(life.cgroup) if life and life.cgroup else 0
            bases[container.id] = base = life.base if life else self._bases.get(container.id) or self._base(container, None)
            exposition.add(base, [("container_oom_events_total", "", self.inventory.ooms(container.id, kills))])
            exposition.add(base, [("latentum_ops_container_restarts_total", "", self.inventory.restarts(container.id))])
        self._lives, self._bases = lives, bases
        if self._hidden and not self._seen and not self._told:
            self._told = True
            log("watchdog: metrics of containers have no traffic: /proc hides other processes (hidepid); see docs/guides/watchdog.md")
        exposition.add("", [("container_scrape_error", "", int(not whole)), *self._machine()])
        return exposition.text()

    def _life(self, container: Described) -> Life | None:
        """The life that a container is in; None where it has ended."""
        life = self._lives.get(container.id)
        if life is None or life.container is not container:
            life = self._found(container)
        if self._goes_on(life):
            return life
        again = self.inventory.look_again(container.id)  # the event of its end, or of its new start, has not arrived yet
        life = self._found(again) if again else None
        return life if life and (life.generation or not life.cgroup) else None

    def _found(self, container: Described) -> Life:
        cgroup = find(self._mounted, container.id, read(self._proc, f"{container.pid}/cgroup"), container.parent)
        return Life(container, cgroup, cgroup.generation() if cgroup else (), self._base(container, cgroup))

    def _goes_on(self, life: Life) -> bool:
        if life.cgroup:
            return bool(life.generation) and life.cgroup.generation() == life.generation
        return Path(self._proc, str(life.container.pid)).is_dir()

    def _base(self, container: Described, cgroup: Cgroup | None) -> str:
        """The labels of a container: a fixed list, so that nobody's label with a secret or with a new value each day gets in."""
        if cgroup:
            self._scopes = cgroup.path.endswith(".scope")
        usual = f"/system.slice/docker-{container.id}.scope" if self._scopes else f"/docker/{container.id}"
        named = {LABEL + key.replace(".", "_").replace("-", "_"): value for key, value in container.labels.items()}
        return labels({**named, "id": cgroup.path if cgroup else usual, "image": container.image, "name": container.name})

    def _counters(self, life: Life) -> list[Sample] | None:
        """All that can be read of a container; None where it has ended meanwhile, as half of its numbers would be none of it."""
        container, cgroup = life.container, life.cgroup
        samples: list[Sample] = [("container_start_time_seconds", "", int(container.started))]
        if cgroup:
            samples += cpu.samples(cgroup)
            samples += memory.samples(cgroup)
            samples += block_io.samples(cgroup, self._devices)
            processes = read(cgroup.of("cpu") or cgroup.unified, "cgroup.procs")
            samples.append(("container_processes", "", processes.count("\n")))
        if network.own(container.network):
            samples += self._traffic(container)
        if not self._goes_on(life):
            self.inventory.suspect(container.id)
            return None
        return samples

    def _traffic(self, container: Described) -> Iterator[Sample]:
        text = read(self._proc, f"{container.pid}/net/dev")
        self._seen, self._hidden = self._seen + bool(text), self._hidden + (not text)
        return network.samples(text)

    def _machine(self) -> Iterator[Sample]:
        yield "machine_cpu_cores", "", os.cpu_count() or 1
        total = table(read(self._proc, "meminfo").replace(":", "").replace(" kB", "")).get("MemTotal")
        if total is not None:
            yield "machine_memory_bytes", "", total * 1024
