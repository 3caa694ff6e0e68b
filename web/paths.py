"""Where to go next, if it is a place of ours."""


def ours(path: str | None, otherwise: str) -> str:
    """The path if it has one leading slash and nothing that a browser could read as another host."""
    if not path or not path.startswith("/") or path[1:2] in ("/", "\\"):
        return otherwise
    return path if path.isprintable() and "\\" not in path else otherwise
