"""A disk that remembers in what order SQLite wrote to it, and what a power cut could have left on it."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import apsw

SECTOR = 512


class Step(NamedTuple):
    """`place` is where a write begins, how long a file is after a truncation, or the first step that a sync is too
    late for; `what` is what was written, or acknowledged."""

    kind: str  # write, truncate, sync, delete, acknowledge
    file: str = ""
    place: int = 0
    what: bytes | str = b""


class Recorder(apsw.VFS):
    """SQLite's own way to the disk, under another name, written down in `steps`."""

    def __init__(self, name: str):
        self.steps: list[Step] = []
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return Recorded(self.steps, name, flags)

    def xDelete(self, name, sync):
        super().xDelete(name, sync)
        self.steps.append(Step("delete", Path(name).name))


class Recorded(apsw.VFSFile):
    def __init__(self, steps: list[Step], name, flags):
        super().__init__("", name, flags)
        self.steps = steps
        self.name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name

    def xWrite(self, data, offset):
        self.steps.append(Step("write", self.name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size):
        self.steps.append(Step("truncate", self.name, size))
        super().xTruncate(size)

    def xSync(self, flags):
        """Only noted: the real disk would take its time. What another thread writes meanwhile is too late for it."""
        begun = len(self.steps)
        time.sleep(0)
        self.steps.append(Step("sync", self.name, begun))


@dataclass
class Disk:
    """What is on it for certain, and what was written since its file was last synced."""

    files: dict[str, bytearray]
    waiting: dict[str, list[tuple[int, Step]]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: list[str] = field(default_factory=list)

    def go(self, number: int, step: Step) -> None:
        waiting = self.waiting[step.file]
        if step.kind == "acknowledge":
            self.acknowledged.append(step.what)
        elif step.kind == "sync":
            self.waiting[step.file] = [(at, late) for at, late in waiting if at >= step.place]
            for at, early in waiting:
                if at < step.place:
                    apply(self.files, early)
        else:
            waiting.append((number, step))

    def cut(self, chance: random.Random) -> dict[str, bytearray]:
        """What may be found after a power cut: of what waits each with a probability of one half, some of it torn."""
        found = {name: bytearray(content) for name, content in self.files.items()}
        for waiting in self.waiting.values():
            for _, step in waiting:
                luck = chance.random()
                if luck < 0.35 or (luck < 0.5 and step.kind != "write"):
                    apply(found, step)
                elif luck < 0.65 and step.kind == "write":
                    for piece in torn(step):
                        if chance.random() < 0.5:
                            apply(found, piece)
        return found


def torn(step: Step) -> Iterator[Step]:
    """A write, sector by sector."""
    start, end = step.place, step.place + len(step.what)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield step._replace(place=start, what=step.what[start - step.place : stop - step.place])
        start = stop


def apply(files: dict[str, bytearray], step: Step) -> None:
    if step.kind == "delete":
        files.pop(step.file, None)
        return
    content = files.setdefault(step.file, bytearray())
    if step.kind == "truncate":
        del content[step.place :]
        return
    if len(content) < step.place:
        content.extend(bytes(step.place - len(content)))
    content[step.place : step.place + len(step.what)] = step.what


def cuts(files: dict[str, bytes], steps: Sequence[Step], count: int, seed: int) -> Iterator[tuple[dict, list[str]]]:
    """What `count` power cuts at random moments left, and what was acknowledged before each."""
    chance = random.Random(seed)
    moments = sorted(chance.randrange(1, len(steps) + 1) for _ in range(count))
    disk, done = Disk({name: bytearray(content) for name, content in files.items()}), 0
    for moment in moments:
        for number in range(done, moment):
            disk.go(number, steps[number])
        done = moment
        yield disk.cut(chance), disk.acknowledged
