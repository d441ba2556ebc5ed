# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host over 35 days, as its exporters would have told of it: what grows, what is cleaned and replaced, and a Prometheus that was down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..slo.recorded_prometheus import Recorded

DAY, HOUR, GIB, MIB = 86400, 3600, 2**30, 2**20
DAYS = 35
STEP = 150  # seconds between two scrapes of a counter that is asked for its rate over five minutes
DOWN = (12.0, 14.0)  # days between which nobody measured
HOST = "web1"
PROJECT, SERVICE = "container_label_com_docker_compose_project", "container_label_com_docker_compose_service"
Curve = Callable[[float], float]  # of the day


class World:
    """All series of the host until a time.

    :param end: seconds since the epoch.
    """

    def __init__(self, end: int, days: int = DAYS) -> None:
        self.start, self.end = end - days * DAY, end
        self.series: list[Recorded] = []

    def times(self, first: float = 0, last: float = 1e9, step: int = STEP) -> Iterator[tuple[int, float]]:
        """Times of scrapes, each with its day."""
        for at in range(self.start, self.end + 1, step):
            day = (at - self.start) / DAY
            if first <= day <= last and not DOWN[0] < day < DOWN[1]:
                yield at, day

    def add(self, metric: str, curve: Curve, first: float = 0, last: float = 1e9, step: int = STEP, **labels: str) -> None:
        """A series that is there from one day to another."""
        points = [(at, curve(day)) for at, day in self.times(first, last, step)]
        self.series.append(Recorded(metric, {"instance": HOST, **labels}, points))

    def disk(self, mountpoint: str, used: Curve, size: Curve, device: str = "/dev/vda1", fstype: str = "ext4", **more: float) -> None:
        """A file system."""
        labels = {"mountpoint": mountpoint, "device": device, "fstype": fstype}
        self.add("node_filesystem_size_bytes", size, step=300, **labels, **more)  # type: ignore[arg-type]  # days, not labels
        self.add("node_filesystem_avail_bytes", lambda day: size(day) - used(day), step=300, **labels, **more)  # type: ignore[arg-type]

    def container(  # noqa: PLR0913 - what can be said of one
        self, stack: str, service: str, name: str, *, cpu: Curve, memory: Curve, first: float = 0, last: float = 1e9,
        memory_limit: float = 0, cpu_limit: float = 0, throttled: float = 0, ooms: Curve | None = None, network: float = 5000,
    ) -> None:  # fmt: skip
        """A container; its counters begin at 0 with it."""
        labels = (
            {PROJECT: stack, SERVICE: service, "id": f"/docker/{name}", "name": name} if stack else {"id": f"/docker/{name}", "name": name}
        )

        def add(metric: str, curve: Curve, step: int = STEP) -> None:
            self.add(metric, curve, first, last, step, **labels)

        total, before = 0.0, first
        seconds: dict[float, float] = {}
        for _at, day in self.times(first, last):
            total += cpu(day) * (day - before) * DAY
            before = day
            seconds[day] = total
        add("container_cpu_usage_seconds_total", seconds.__getitem__)
        add("container_memory_working_set_bytes", memory)
        add("container_spec_memory_limit_bytes", lambda _day: memory_limit)
        if cpu_limit:
            add("container_spec_cpu_quota", lambda _day: cpu_limit * 100_000)
            add("container_spec_cpu_period", lambda _day: 100_000)
            add("container_cpu_cfs_periods_total", lambda day: (day - first) * DAY * 10, 300)
            add("container_cpu_cfs_throttled_periods_total", lambda day: (day - first) * DAY * 10 * throttled, 300)
        add("container_oom_events_total", ooms or (lambda _day: 0.0), 300)
        for way in ("receive", "transmit"):
            add(f"container_network_{way}_bytes_total", lambda day: (day - first) * DAY * network / 2, 300)

    def machine(self, processors: int, memory: float, busy: float, used: Curve, steal: float = 0) -> None:
        """The host itself."""
        self.add("machine_cpu_cores", lambda _day: processors, step=300)
        self.add("machine_memory_bytes", lambda _day: memory, step=300)
        self.add("node_memory_MemTotal_bytes", lambda _day: memory, step=300)
        self.add("node_memory_MemAvailable_bytes", lambda day: memory - used(day), step=300)
        for cpu in range(processors):
            for mode, share in (("user", busy), ("steal", steal), ("idle", 1 - busy - steal)):
                self.add("node_cpu_seconds_total", lambda day, share=share: day * DAY * share, mode=mode, cpu=str(cpu))  # type: ignore[misc]


def whole(end: int) -> Sequence[Recorded]:
    """The host of the tests."""
    world = World(end)

    def big(_day: float) -> float:
        return 100.0 * GIB

    def growing(day: float) -> float:
        """Half a GiB a day; logs are rotated each night, and lose 3 GiB."""
        return (60 + 0.5 * day + 3 * ((day - 0.125) % 1)) * GIB

    def left(day: float) -> float:
        """Of a certificate that is renewed on day 30."""
        return float(int(60 - day) if day < 30 else int(120 - day)) * DAY

    world.disk("/", growing, big)
    world.disk("/var/lib/docker", growing, big)  # the same device once more
    world.disk("/run", lambda _day: 0.0, big, "tmpfs", "tmpfs")
    # A clean-up each week, and nothing grows.
    world.disk("/srv/cache", lambda day: (20 + 6 * (day % 7)) * GIB, big, "/dev/vdb")
    # Grown three days ago.
    world.disk("/srv/data", lambda day: (30 + 0.8 * day) * GIB, lambda day: (64 if day < 32 else 128) * GIB, "/dev/vdc")
    # Had another name before a boot.
    world.disk("/srv/media", lambda day: (10 + 0.2 * day) * GIB, lambda _day: 50.0 * GIB, "/dev/sdd", last=20.0)
    world.disk("/srv/media", lambda day: (10 + 0.2 * day) * GIB, lambda _day: 50.0 * GIB, "/dev/sde", first=20.01)
    world.machine(4, 8 * GIB, 0.3, lambda day: (3 + 0.002 * ((day * 7.3) % 1)) * GIB, steal=0.05)
    world.add("node_nf_conntrack_entries", lambda day: 1000 + 200 * ((day * 3.7) % 1), step=300)
    world.add("node_nf_conntrack_entries_limit", lambda _day: 65536.0, step=300)
    watchdog = "latentum_ops_watchdog_"
    world.add(f"{watchdog}site_certificate_remaining_seconds", left, step=300, stack="shop", domain="shop.example.com")
    world.add("latentum_ops_backup_size_bytes", lambda day: (5 + 0.01 * int(day)) * GIB, step=300, stack="shop")
    world.add("latentum_ops_backup_timestamp_seconds", lambda day: float(world.start + int(day) * DAY), step=300, stack="shop")
    world.add("latentum_ops_backup_added_bytes", lambda _day: 100.0 * MIB, step=300, stack="shop")
    _containers(world)
    return world.series


def _containers(world: World) -> None:
    def web(name: str, first: float, last: float) -> None:
        def peak(day: float) -> float:
            """At noon of each fifth day more for one scrape, between two looks of five minutes: no quantile, and it kills all the same."""
            return 700 * MIB if int(day) % 5 == 0 and round(day * DAY / STEP) % (DAY // STEP) == 289 else 200 * MIB

        world.container("shop", "web", name, cpu=lambda _day: 0.5, memory=peak, first=first, last=last, memory_limit=2 * GIB, cpu_limit=2.0)

    web("shop-web-1", 0, 20)
    web("shop-web-a-1", 20.001, 1e9)  # a release: another name, and counters from 0
    world.container(
        "shop", "worker", "shop-worker-1", cpu=lambda _day: 0.2, memory=lambda _day: 100.0 * MIB, memory_limit=256 * MIB, cpu_limit=0.5,
        throttled=0.3, ooms=lambda day: 0.0 if day < 10.5 else 2.0 if day < 20 else 1.0,  # counted anew by a watchdog that was restarted
    )  # fmt: skip
    world.container("blog", "old", "blog-old-1", cpu=lambda _day: 0.001, memory=lambda _day: 512.0 * MIB, network=60)
    world.container("blog", "new", "blog-new-1", cpu=lambda _day: 0.1, memory=lambda _day: 64.0 * MIB, memory_limit=GIB, first=33)
    # Its limit was taken away with a release.
    free = {"cpu": lambda _day: 0.1, "memory": lambda _day: 64.0 * MIB}
    world.container("blog", "free", "blog-free-1", **free, memory_limit=GIB, cpu_limit=1.0, last=30)  # type: ignore[arg-type]  # curves
    world.container("blog", "free", "blog-free-a-1", **free, first=30.001)  # type: ignore[arg-type]  # as above
    world.container("", "", "debugging", cpu=lambda _day: 0.05, memory=lambda _day: 10.0 * MIB, first=30)
    world.add("http_requests_total", lambda day: day * 1000.0, step=300, stack="shop", service="web", route="shop.example.com/", code="200")
