"""How much of all uploads is in memory at once. Where it runs out, the slowest upload is given up."""

import asyncio
from contextlib import suppress
from math import exp

LATELY = 3.0  # seconds, after which what came counts for a third of what comes now
ENOUGH = 64 * 1024  # bytes; who sent more at once stands still no less


class Upload:
    """What came of one body, and how much of it lately."""

    def __init__(self):
        self.size = 0
        self.whole = False
        self.limit: asyncio.Timeout | None = None
        self._weight, self._at = 0.0, 0.0

    def lately(self, moment: float) -> float:
        """Bytes, each the less the longer ago it came."""
        return self._weight * exp((self._at - moment) / LATELY)

    def grow(self, size: int, moment: float) -> None:
        self._weight, self._at = min(self.lately(moment) + size - self.size, ENOUGH), moment
        self.size = size


class UploadMemory:
    """Bytes that uploads share, until they are answered."""

    def __init__(self, most: int):
        self.most = most
        self.uploads: set[Upload] = set()
        self._left = asyncio.Event()

    async def reserve(self, upload: Upload, size: int) -> None:
        """Count `size` bytes for the upload. Where memory lacks, wait for uploads that are being answered; where there
        are none, give up the slowest. Raises TimeoutError when it is that one itself."""
        loop = asyncio.get_running_loop()
        if not upload.size:
            self.uploads.add(upload)
        upload.grow(size, loop.time())
        while upload in self.uploads and sum(one.size for one in self.uploads) > self.most:
            if any(one.whole for one in self.uploads):
                self._left.clear()
                await self._left.wait()
            else:
                slowest = min(self.uploads, key=lambda one: one.lately(loop.time()))
                self.uploads.remove(slowest)
                assert slowest.limit is not None, "an upload has a time limit before its first byte"
                with suppress(RuntimeError):  # its patience was over in this very moment
                    slowest.limit.reschedule(loop.time())
        if upload not in self.uploads:
            raise TimeoutError

    def release(self, upload: Upload) -> None:
        self.uploads.discard(upload)
        self._left.set()
