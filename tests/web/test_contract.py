"""schemathesis asks the real server for everything that is described: no answer outside the published schema."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import Server
from tests.support.waiting import patient, wait_until

CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
ENDLESS = "/stream|/ws/"
# A gateway that answers, one that does not, and their sum; names that nobody has are asked for by test_routes.py.
CONFIGURATION = """
[parameters]
"path.id" = ["home", "cabin", "aggregate"]
"""


def test_no_answer_outside_the_published_schema(server: Server, tmp_path: Path) -> None:
    wait_until(lambda: server.get("/metrics").status == 200, 20)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    base = f"http://127.0.0.1:{server.port}"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration), "run",
               f"{base}/openapi.json", "--url", base, "--include-method", "GET", "--exclude-path-regex", ENDLESS,
               "--phases", "examples,fuzzing", "--mode", "all", "--max-examples", "3", "--seed", "1",
               "--checks", ",".join(CHECKS), "--warnings", "off", "--no-color"]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=patient(100), cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    found = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)", ran.stdout)
    assert found is not None, ran.stdout[-2000:]
    assert int(found[1]) == int(found[2]) > 200
