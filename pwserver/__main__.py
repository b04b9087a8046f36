"""Run ``python -m pwserver``."""

from __future__ import annotations

import sys

from pwserver.cli import main

if __name__ == "__main__":
    sys.exit(main())
