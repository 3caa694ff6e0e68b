"""Serve the application with something changed in it: `python -m tests.controls NAME serve …`.

NAME is a module of this folder: most switch a guard off, so that a test must see the damage; the others let a test set
the clock or see which process answered. Its `gateway` makes what the processes serve. The other words are those of
`quanbao`.
"""

import sys

import cli


def main(name: str) -> None:
    """Run the console script; the server's processes serve the changed application."""
    serve_target = cli._serve
    cli._serve = lambda _, *rest: serve_target(f"tests.controls.{name}:gateway", *rest)
    cli.main()


if __name__ == "__main__":
    main(sys.argv.pop(1))
