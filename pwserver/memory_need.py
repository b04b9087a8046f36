"""Reckon how much memory the server needs, and how many workers fit below a limit.

Measured in a memory group (cgroup) of Linux 6.18 on x86-64 with Python 3.11, some seconds after the start, while
Telegraf's pages were read (``memory.max_usage_in_bytes``): 83 MB with two workers and a simulated Powerwall 3, 75 MB
with one worker, 100 MB with five gateways, 110 MB with the simulator of ``--demo``. What counts there is memory of the
server's own; files that are only mapped can be dropped.
"""

from __future__ import annotations

from dataclasses import replace

from pwserver.config import Config
from pwserver.memory_limits import INSTALLED, MemoryLimit

MIB = 1 << 20
MAIN_AND_POLLER_BYTES = 67 * MIB
WORKER_BYTES = 8 * MIB
FURTHER_GATEWAY_BYTES = 4 * MIB
SIMULATOR_BYTES = 27 * MIB  # of --demo
ROOMY = 1.25  # an advised limit leaves room for readers, streams and long answers
ADVICE_STEP_BYTES = 32 * MIB


def need_bytes(config: Config, workers: int) -> int:
    """Return the memory the server needs with this many workers."""
    gateways = max(1, len(config.gateways))
    need = MAIN_AND_POLLER_BYTES + WORKER_BYTES * workers + FURTHER_GATEWAY_BYTES * (gateways - 1)
    return need + (SIMULATOR_BYTES if config.settings.definitions.demo_scenario else 0)


def fits(config: Config, limit: MemoryLimit | None) -> bool:
    """Tell whether the server with the workers of ``config`` stays below the limit."""
    return limit is None or need_bytes(config, config.settings.process.worker_count) <= limit.limit_bytes


def fitted(config: Config, limit: MemoryLimit | None) -> Config:
    """Return ``config`` with as many of its workers as fit, at least one, and with a warning when memory is short."""
    if limit is None:
        return config
    wanted = workers = config.settings.process.worker_count
    while workers > 1 and need_bytes(config, workers) > limit.limit_bytes:
        workers -= 1
    if fits(config, limit):
        return config
    consequence = "starting one worker" if workers == 1 else f"starting {workers} workers"
    does = "slow everything down" if limit.slows else "kill processes"
    if workers == wanted:
        consequence = f"the kernel will probably {does}"
    elif need_bytes(config, workers) > limit.limit_bytes:
        consequence += f", which needs about {_mib(need_bytes(config, workers))}; the kernel may {does}"
    many = "one worker needs" if wanted == 1 else f"{wanted} workers need"
    warning = (
        f"memory is limited to {_mib(limit.limit_bytes)} ({limit.source}), {many} about "
        f"{_mib(need_bytes(config, wanted))}: {consequence}. {advice(config, wanted, limit)}"
    )
    process = replace(config.settings.process, workers=workers)
    return replace(config, settings=replace(config.settings, process=process), warnings=(*config.warnings, warning))


def advice(config: Config, workers: int, limit: MemoryLimit, killed: bool = False) -> str:
    """Say what an owner can do. ``killed``: the memory was not enough, even where the figures say that it is."""
    fewer = ", or set PW_WORKERS=1" if workers > 1 else ""
    if limit.source == INSTALLED:
        return f"Stop other programs of this machine{fewer}"
    wanted = max(need_bytes(config, workers), limit.limit_bytes if killed else 0) * ROOMY
    rounded = -(-int(wanted) // ADVICE_STEP_BYTES) * ADVICE_STEP_BYTES // MIB
    if limit.slows:  # Docker sets no such limit
        return f"Allow {rounded} MB (systemd MemoryHigh={rounded}M){fewer}"
    return f"Allow {rounded} MB (docker run --memory={rounded}m, systemd MemoryMax={rounded}M){fewer}"


def kill_advice(config: Config, limit: MemoryLimit | None) -> str:
    """Say what to do after the kernel has killed a child for want of memory."""
    if limit is None:
        return ""
    what_to_do = advice(config, config.settings.process.worker_count, limit, True)
    return f"The limit is {_mib(limit.limit_bytes)} ({limit.source}). {what_to_do}"


def _mib(count: int) -> str:
    return f"{count / MIB:.0f} MB"
