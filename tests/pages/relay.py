"""A network between browser and server that can fall silent: nothing arrives any more, and nobody says so."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from tests.support.waiting import patient, wait_until


class Relay:
    """Passes bytes on to ``port`` of this machine. While ``silent``, they stay where they are, new ones as well."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Relay:
        self._thread.start()
        self.silent(False)
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = server.result(patient(10))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(patient(10))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patient(10))
        self._loop.close()

    def silent(self, wanted: bool) -> None:
        """Fall silent, or speak again; what was held back then goes on its way."""
        self._loop.call_soon_threadsafe(self._passing.clear if wanted else self._passing.set)
        wait_until(lambda: self._passing.is_set() is not wanted, 5, "the relay does not hear")

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            pumps = [asyncio.ensure_future(self._pump(reader, back)), asyncio.ensure_future(self._pump(there, writer))]
            self._tasks.update(pumps)
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            back.close()
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
