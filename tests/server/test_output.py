"""Where nobody takes what main has to say, it serves all the same."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.programs import clean_environment, free_port
from tests.support.waiting import patient, wait_until


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
@pytest.mark.parametrize("taken", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_full_disk_below_the_log_does_not_end_the_server(taken: tuple[str, ...]) -> None:
    port = free_port()
    with open("/dev/full", "w") as full:
        main = subprocess.Popen(
            [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", str(port)],
            env=clean_environment(PW_HOSTS="a warning to be logged"),
            stdin=subprocess.DEVNULL,
            stdout=full if "stdout" in taken else subprocess.DEVNULL,
            stderr=full if "stderr" in taken else subprocess.DEVNULL,
        )

    def polling() -> bool:
        assert main.poll() is None, "it has ended"
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=patient(5))
        try:
            client.request("GET", "/stats")
            poller = json.loads(client.getresponse().read())["processes"][0]
            return bool(poller["pid"])  # main says that it runs just after it has started the poller
        except OSError:
            return False
        finally:
            client.close()

    try:
        wait_until(polling, 30)
        main.send_signal(signal.SIGTERM)
        assert main.wait(patient(10)) == 0
    finally:
        main.kill()
        main.wait()


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_streams_are_never_taken_by_a_file_or_socket(closed: tuple[int, ...]) -> None:
    """Whatever an emergency prints would end in a client's connection or in the history."""
    port = free_port()
    closing = " ".join(f"{descriptor}>&-" for descriptor in closed)
    main = subprocess.Popen(
        ["sh", "-c", f'exec "$0" -m pwserver --bind-address 127.0.0.1 --port {port} {closing}', sys.executable],
        env=clean_environment(PW_WORKERS="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        assert main.poll() is None, "it has ended"
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=patient(5))
        try:
            client.request("GET", "/livez")
            return client.getresponse().status == 200
        except OSError:
            return False
        finally:
            client.close()

    try:
        wait_until(answers, 30)
        for descriptor in (0, 1, 2):
            assert os.readlink(f"/proc/{main.pid}/fd/{descriptor}") == "/dev/null"
        main.send_signal(signal.SIGTERM)
        assert main.wait(patient(10)) == 0
    finally:
        main.kill()
        main.wait()
