"""Measure beside yardsticks, both in the same run: `make bench`.

Names choose what is measured; without any, everything is.
"""

import argparse
import sys
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from time import monotonic

from bench import harness, peer
from tests.support.programs import Missing

MEASURES = ("redemption", "pages", "leftovers", "publishing", "growth", "commands", "push", "paint")


def main() -> int:
    plan, options = parsed()
    rows: list[harness.Row] = []
    left_out = [] if peer.is_installed() else ["pretix, which `make bench-peers` installs"]
    with suppress(KeyboardInterrupt):
        for name in options.names or MEASURES:
            for engine in plan.engines:
                began = monotonic()
                try:
                    with redirect_stdout(StringIO()), harness.stage(engine) as stage:  # the servers' logs
                        rows += import_module(f"bench.{name}").measure(stage, plan)
                except Missing as missing:
                    left_out.append(f"{name} on {engine}: {missing}")
                print(f"{name} on {engine}: {monotonic() - began:.0f} s", file=sys.stderr, flush=True)
                harness.write_json(options.json, plan, rows, left_out)
    harness.print_table(rows)
    for what in left_out:
        print(f"LEFT OUT: {what}")
    return 0


def parsed() -> tuple[harness.Plan, argparse.Namespace]:
    parser = argparse.ArgumentParser("make bench", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=5, help="of each side, in turn")
    parser.add_argument(
        "--seconds", type=float, default=10, help="that a round lasts, where it lasts so long as one wants"
    )
    parser.add_argument("--scale", type=float, default=1, help="of the numbers of rows; 0.01 for a quick look")
    parser.add_argument("--engine", choices=harness.ENGINES, action="append", help="only this one")
    parser.add_argument("--json", type=Path, default=Path("bench/results.json"), help="where the figures are written")
    options = parser.parse_args()
    if unknown := set(options.names) - set(MEASURES):
        parser.error(f"no measure is called {', '.join(sorted(unknown))}")
    engines = tuple(options.engine or harness.ENGINES)
    return harness.Plan(options.rounds, options.seconds, options.scale, engines), options


if __name__ == "__main__":
    sys.exit(main())
