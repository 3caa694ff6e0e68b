"""The processes of `quanbao serve`: replaced where they are killed, and gone where their parent is."""

import multiprocessing
import os
import resource
import signal
from importlib import import_module
from threading import Thread

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

LOOK = 1.0  # seconds, where no signal says that a process has ended
PATIENCE = 10  # seconds for the head of a request, and until a connection that asks nothing is closed
LONGEST_HEAD = 32 * 1024  # bytes; a client that never ends one fills no more of the memory
CONNECTIONS = 4096  # of a process at once: those that say nothing leave room for those that do
OTHER_FILES = 128  # that a process has open


class Processes(Granian):  # type: ignore[misc, valid-type]  # which class that is, granian decides at run time
    """Granian, which by itself stops serving when a process is killed, or is killed again soon after.

    What ends a process from outside, the system that needs memory or an operator, says nothing about the others. One
    that ends with an error of its own would do so again: then all of them stop, and the exit code is 1.

    Only HTTP/1.1 is spoken: browsers and proxies want nothing else without TLS, and a server that waits to hear which
    version it will be waits for ever.
    """

    def __init__(self, target: str, *, address: str, port: int, processes: int):
        super().__init__(
            target,
            address=address,
            port=port,
            workers=processes,
            interface=Interfaces.RSGI,
            websockets=False,
            log_level="error",
            workers_kill_timeout=10,
            http=HTTPModes.http1,
            backpressure=room_for_connections(),
            http1_settings=HTTP1Settings(header_read_timeout=PATIENCE * 1000, max_buffer_size=LONGEST_HEAD),
        )

    def serve(self) -> None:
        os.register_at_fork(after_in_child=_die_when_told)
        super().serve(target_loader=load)

    def _serve_loop(self, *how) -> None:
        while not self.interrupt_signal:
            ended = [number for number, process in enumerate(self.wrks) if not process.is_alive()]
            failed = [number for number in ended if self.wrks[number].inner.exitcode > 0]
            self.interrupt_children[:] = failed
            if failed:
                return
            if ended:
                self._respawn_workers(ended, *how)
            if self.reload_signal:
                self._reload(*how)
            self.main_loop_interrupt.wait(LOOK)
            self.main_loop_interrupt.clear()


def room_for_connections() -> int:
    """How many a process may have, once its limit of open files is raised as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft - OTHER_FILES))


def load(target: str):
    """In a server process: what it serves, by the name of the function that makes it."""
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    module, name = target.split(":")
    return getattr(import_module(module), name)()


def _end_with_parent() -> None:
    """A parent that was killed could not tell: its processes would go on, and keep the port."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a process that was started by another gets here"
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _die_when_told() -> None:
    """A server process is forked with its parent's handlers, and would swallow a signal that comes early."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
