"""The processes of `quanbao serve`: replaced where they are killed, and gone where their parent is."""

import multiprocessing
import os
import signal
from importlib import import_module
from threading import Thread

from granian import Granian

LOOK = 1.0  # seconds, where nobody says that a process has ended


class Processes(Granian):
    """Granian, which by itself stops serving when a process is killed, or is killed again soon after.

    What ends a process from outside, the system that needs memory or an operator, says nothing about the others. One
    that ends with an error of its own would do so again: then all of them stop, and the exit code is 1.
    """

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


def load(target: str):
    """In a server process: what it serves, by the name of the function that makes it."""
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    module, name = target.split(":")
    return getattr(import_module(module), name)()


def _end_with_parent() -> None:
    """A parent that was killed could not tell: its processes would go on, and keep the port."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGKILL)


def _die_when_told() -> None:
    """A server process is forked with its parent's handlers, and would swallow a signal that comes early."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
