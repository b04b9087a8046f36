"""Runs pwserver with the Tesla cloud played by a test: the library has the cloud's address as a constant."""

from __future__ import annotations

import os
import sys

import pypowerwall.cloud.teslapy as teslapy

from pwserver.cli import main

if __name__ == "__main__":
    teslapy.BASE_URL = os.environ["PLAYED_TESLA"] + "/"
    sys.exit(main())
