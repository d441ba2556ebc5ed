# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python3 -m market_ml COMMAND``: the services, and what an operator or a schedule runs beside them."""

from __future__ import annotations

import argparse
import re
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

OLDEST_HEARTBEAT = 30.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(words: str) -> timedelta:
    """``5m``, ``26h``."""
    match = re.fullmatch(r"(\d+)([smhd])", words)
    if match is None:
        raise argparse.ArgumentTypeError(f"{words!r} is not a duration such as 5m or 26h")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def alive() -> int:
    """Whether the service of this container beats."""
    try:
        seconds = time.time() - Path("/tmp/heartbeat").stat().st_mtime
    except OSError:
        print("no heartbeat yet")
        return 1
    print(f"last heartbeat {seconds:.1f} s ago")
    return 0 if seconds < OLDEST_HEARTBEAT else 1


def fresh(what: str, limit: timedelta) -> int:
    """Whether data or model are younger than the limit."""
    if what == "data":
        from . import store

        newest = store.newest()
        age = None if newest is None else datetime.now(timezone.utc) - newest
    else:
        from . import modeling

        age = modeling.age()
    print(f"the newest {what} is {age.total_seconds():.0f} s old" if age is not None else f"there is no {what}")
    return 0 if age is not None and age <= limit else 1


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="market_ml", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("api", "serving", "ingestion", "seed", "alive"):
        commands.add_parser(name)
    commands.add_parser("train").add_argument("--spoiled", action="store_true", help="a model that knows nothing, for rehearsals")
    commands.add_parser("ingest").add_argument("count", type=int)
    commands.add_parser("schedule").add_argument("--daily", default="23:00", help="HH:MM of UTC")
    freshness = commands.add_parser("fresh")
    freshness.add_argument("what", choices=("data", "model"))
    freshness.add_argument("limit", type=duration)
    options = parser.parse_args()
    # Each service imports what it needs itself: MLflow alone costs seconds.
    if options.command in ("api", "serving"):
        from importlib import import_module

        import_module(f"market_ml.{options.command}").main()
    elif options.command == "ingestion":
        from .ingestion import run

        run()
    elif options.command in ("seed", "ingest"):
        from . import store

        print(
            f"{store.seed()} rows written" if options.command == "seed" else store.ingest(options.count) or f"{options.count} rows written"
        )
    elif options.command in ("train", "schedule"):
        from . import modeling

        print(modeling.train(spoiled=options.spoiled)) if options.command == "train" else modeling.schedule(options.daily)
    elif options.command == "alive":
        return alive()
    else:
        return fresh(options.what, options.limit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
