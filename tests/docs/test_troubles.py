"""The table of the commonest troubles has the words that the server says."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pwserver.causes import CAUSE_BY_ID
from pwserver.config.login_files import LoginFileProblem, read_login
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import wait_until

PAGE = (Path(__file__).parents[2] / "docs/getting-started.md").read_text()
TABLE = PAGE.partition("## The commonest troubles")[2]
CAUSES = re.findall(r"^\| `([a-z-]+)`: (.+?) \|", TABLE, re.MULTILINE)
# What the page shows in code style, each "…" standing for any text.
WORDS = [re.escape(words).replace("…", ".*") for words in re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)]


def rows_that_match(said: str) -> list[str]:
    return [words for words in WORDS if re.search(words, said)]


def test_a_cause_has_the_words_of_health() -> None:
    said = {cause: CAUSE_BY_ID[cause].sentence for cause, _ in CAUSES}
    with pytest.raises(LoginFileProblem) as problem:
        read_login("/nowhere/.pypowerwall.auth")
    said["login-missing"] = str(problem.value)
    assert len(CAUSES) >= 6
    for cause, words in CAUSES:
        assert words in said[cause]


def test_a_start_that_fails_says_words_of_the_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = [
            subprocess.run(
                [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", port],
                env=clean_environment(**environment),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            ).stderr
            for environment in ({}, {"PW_HOST": "192.168.91.1"})
        ]
    assert [len(rows_that_match(text)) for text in said] == [1, 1], said


def test_a_server_without_gateway_and_broker_says_words_of_the_table() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but not listening: a connection is refused
        broker = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(nobody.getsockname()[1])}
        with Server(environment=broker) as server:
            wait_until(lambda: len(rows_that_match(server.output())) == 2, 20, "both say so")
