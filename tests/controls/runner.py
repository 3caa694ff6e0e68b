"""`quanbao serve` with another application in its processes: a module of ours that changes something, for a test."""

import cli


def main(target: str) -> None:
    """The same words on the command line; `target` names the function that makes what the processes serve."""
    serve_target = cli._serve
    cli._serve = lambda _, *rest: serve_target(target, *rest)
    cli.main()
