"""Poll Tesla Powerwall gateways, and hand what was learned to many readers, fast."""

import sys

__version__ = "1.0.0"

# Every way to install or start it runs this file first (setup.py does so for that reason).
if sys.platform in ("win32", "cygwin"):
    raise SystemExit(
        "pwserver does not run on Windows by itself, because its processes share memory as only Linux and Unix allow. "
        'Run it in WSL 2 or in a container; docs/getting-started.md has the steps under "Windows".'
    )
