"""Run a simulated gateway: ``python -m pwserver.simulator``."""

from __future__ import annotations

import sys

from .run import main

sys.exit(main())
