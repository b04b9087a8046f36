"""Forked children for tests of shared memory."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable
from typing import Any


class Child:
    """A forked process that runs one function; its return value comes back through a pipe."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._out, into = os.pipe()
        self.pid = os.fork()
        self._ended = False
        if self.pid == 0:
            status = 1
            try:
                os.close(self._out)
                with os.fdopen(into, "wb") as pipe:
                    pickle.dump(work(), pipe)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(into)

    def result(self) -> Any:
        """Wait for the end and return what the function returned; ``AssertionError`` when it failed."""
        with os.fdopen(self._out, "rb") as pipe:
            data = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        self._ended = True
        assert status == 0, f"child ended with {os.waitstatus_to_exitcode(status)}"
        return pickle.loads(data)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self._ended = True
            os.close(self._out)
            assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "the child had ended on its own"

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
