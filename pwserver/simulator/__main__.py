"""``python -m pwserver.simulator`` runs a simulated gateway."""

from __future__ import annotations

import sys

from .run import main

sys.exit(main())
