"""How much memory there is, how much is needed, and whom the kernel takes: made-up groups of both versions."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config import Config, load
from pwserver.memory_limits import MemoryLimit, count_of_kills, groups, kills_file, memory_limit
from pwserver.memory_need import MIB, fitted, kill_advice, need_bytes
from pwserver.out_of_memory import HIGHEST_HANDICAP, LOOK_SECONDS, Handicaps, KernelKills, handicap

VERSION_1 = "36 31 0:33 {inside} {at} rw,relatime - cgroup cgroup rw,memory\n"
VERSION_2 = "36 31 0:33 {inside} {at} rw,relatime - cgroup2 cgroup2 rw\n"
INSTALLED_KB = 4_000_000


class Machine:
    """A root folder with what the kernel would show there."""

    def __init__(self, root: Path, mounts: str, memberships: str) -> None:
        self.root = root
        self.write("proc/self/mountinfo", "22 1 0:2 / / rw - ext4 /dev/sda rw\n" + mounts)
        self.write("proc/self/cgroup", memberships)
        self.write("proc/meminfo", f"MemTotal:  {INSTALLED_KB} kB\nMemFree: 1 kB\n")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    @property
    def limit(self) -> tuple[int, str]:
        found = memory_limit(self.root)
        assert found is not None
        return found.limit_bytes, found.source


def config(**environment: str) -> Config:
    return load({}, {"PW_WORKERS": "2", **environment})


def test_the_limit_of_the_own_group_in_version_2(tmp_path: Path) -> None:
    machine = Machine(tmp_path, VERSION_2.format(inside="/", at="/sys/fs/cgroup"), "0::/system.slice/pw.service\n")
    machine.write("sys/fs/cgroup/system.slice/pw.service/memory.max", "75497472\n")
    machine.write("sys/fs/cgroup/system.slice/pw.service/memory.high", "max\n")
    assert machine.limit == (75497472, "/sys/fs/cgroup/system.slice/pw.service/memory.max")


@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
def test_the_lowest_limit_of_all_levels_counts(tmp_path: Path, name: str) -> None:
    machine = Machine(tmp_path, VERSION_2.format(inside="/", at="/sys/fs/cgroup"), "0::/pod/box/inner\n")
    machine.write("sys/fs/cgroup/pod/box/inner/memory.max", "max\n")
    machine.write("sys/fs/cgroup/pod/box/memory.max", "300000000\n")
    machine.write(f"sys/fs/cgroup/pod/{name}", "100000000\n")
    assert machine.limit == (100000000, f"/sys/fs/cgroup/pod/{name}")


def test_a_container_with_its_own_view_of_groups(tmp_path: Path) -> None:
    machine = Machine(tmp_path, VERSION_2.format(inside="/", at="/sys/fs/cgroup"), "0::/\n")
    machine.write("sys/fs/cgroup/memory.max", "134217728\n")
    machine.write("sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n")
    assert machine.limit == (134217728, "/sys/fs/cgroup/memory.max")
    path = kills_file(tmp_path)
    assert path == tmp_path / "sys/fs/cgroup/memory.events" and count_of_kills(path) == 3


@pytest.mark.parametrize("membership", ["/docker/4ae", "/elsewhere", "/../outside", "/docker/4aefurther"])
def test_a_container_that_sees_the_whole_path_in_version_1(tmp_path: Path, membership: str) -> None:
    mounts = VERSION_1.format(inside="/docker/4ae", at="/sys/fs/cgroup/memory")
    machine = Machine(tmp_path, mounts, f"5:cpu,cpuacct:/x\n4:memory:{membership}\n0::/\n")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "75497472\n")
    machine.write("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 12\n")
    if membership in ("/docker/4ae", "/docker/4aefurther"):
        assert list(groups(tmp_path)) == [tmp_path / "sys/fs/cgroup/memory"]
    assert machine.limit == (75497472, "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    path = kills_file(tmp_path)
    assert path is not None and count_of_kills(path) == 12


def test_both_versions_side_by_side(tmp_path: Path) -> None:
    mounts = VERSION_2.format(inside="/", at="/sys/fs/cgroup/unified")
    mounts += VERSION_1.format(inside="/", at=r"/sys/fs/my\040groups")
    machine = Machine(tmp_path, mounts, "9:memory:/a/b\n0::/a\n")
    machine.write("sys/fs/cgroup/unified/a/cgroup.procs", "1\n")
    machine.write("sys/fs/my groups/a/b/memory.limit_in_bytes", "9223372036854771712\n")
    machine.write("sys/fs/my groups/a/memory.limit_in_bytes", "200000000\n")
    machine.write("sys/fs/my groups/a/b/memory.oom_control", "oom_kill 1\n")
    assert machine.limit == (200000000, "/sys/fs/my groups/a/memory.limit_in_bytes")
    assert kills_file(tmp_path) == tmp_path / "sys/fs/my groups/a/b/memory.oom_control"


def test_a_limit_above_the_container_is_known_in_version_1(tmp_path: Path) -> None:
    """Docker without a limit inside of LXC with one: only the statistics know it."""
    mounts = VERSION_1.format(inside="/docker/4ae", at="/sys/fs/cgroup/memory")
    machine = Machine(tmp_path, mounts, "4:memory:/docker/4ae\n0::/\n")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    statistics = "cache 1\nhierarchical_memory_limit {}\nhierarchical_memsw_limit 9223372036854771712\n"
    machine.write("sys/fs/cgroup/memory/memory.stat", statistics.format(75497472))
    assert machine.limit == (75497472, "/sys/fs/cgroup/memory/memory.stat")
    machine.write("sys/fs/cgroup/memory/memory.stat", statistics.format(9223372036854771712))
    assert machine.limit == (INSTALLED_KB * 1024, "/proc/meminfo")


def test_a_limit_that_slows_down_is_named_with_its_own_remedy() -> None:
    limit = MemoryLimit(72 * MIB, "/sys/fs/cgroup/system.slice/pw.service/memory.high")
    warning = fitted(config(), limit).warnings[-1]
    assert "the kernel may slow everything down. Allow 128 MB (systemd MemoryHigh=128M), or set PW_WORKERS=1" in warning
    assert "kill" not in warning and "MemoryMax" not in warning and "docker" not in warning


def test_without_a_limit_the_machine_is_the_limit_and_counts(tmp_path: Path) -> None:
    machine = Machine(tmp_path, VERSION_2.format(inside="/", at="/sys/fs/cgroup"), "0::/\n")
    machine.write("sys/fs/cgroup/cgroup.procs", "1\n")
    machine.write("proc/vmstat", "nr_free_pages 1\noom_kill 5\n")
    assert machine.limit == (INSTALLED_KB * 1024, "/proc/meminfo")
    assert kills_file(tmp_path) == tmp_path / "proc/vmstat"


def test_where_nothing_is_known_nothing_is_said(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None and kills_file(tmp_path) is None
    assert KernelKills(tmp_path).claim() is False
    known = config()
    assert fitted(known, None) is known and kill_advice(known, None) == ""


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_these_files_hold_reading_them_raises_nothing(
    tmp_path_factory: pytest.TempPathFactory, mounts: str, memberships: str, limit: str, vmstat: str
) -> None:
    root = tmp_path_factory.mktemp("machine")
    for path, text in {
        "proc/self/mountinfo": f"{mounts}\n{VERSION_2.format(inside='/', at='/groups')}",
        "proc/self/cgroup": f"{memberships}\n0::/",
        "proc/meminfo": limit,
        "proc/vmstat": f"oom_kill {vmstat}",
        "groups/memory.max": limit,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, errors="replace")
    found = memory_limit(root)
    assert found is None or found.limit_bytes >= 0
    kills_file(root)
    assert KernelKills(root).claim() is False  # nothing has happened since


@given(st.integers(-1000, 1000), st.integers(0, 1 << 34), st.integers(1, 1 << 44))
def test_a_child_goes_before_main(own: int, main_bytes: int, limit_bytes: int) -> None:
    """The kernel adds a thousandth of all memory per step to what a process holds; a child may hold nothing yet."""
    raised = handicap(own, main_bytes, MemoryLimit(limit_bytes, ""))
    assert own < raised <= HIGHEST_HANDICAP or own == raised == HIGHEST_HANDICAP
    assert raised == HIGHEST_HANDICAP or (raised - own) * limit_bytes >= 1000 * main_bytes


def test_a_child_is_hardly_more_exposed_than_the_programs_of_others() -> None:
    assert handicap(0, 50 * MIB, MemoryLimit(8192 * MIB, "")) < 10


def test_a_newborn_child_goes_before_main_before_it_can_say_so() -> None:
    """The kernel often needs memory in the instant of the fork, when the child has not run a line of ours."""
    own = Path("/proc/self/oom_score_adj")
    before = int(own.read_text())
    order = Handicaps(MemoryLimit(256 * MIB, ""))
    order.before_fork()
    newborn = os.fork()
    if newborn == 0:
        signal.pause()
    order.in_main()
    try:
        assert int(own.read_text()) == before
        assert before < int(Path(f"/proc/{newborn}/oom_score_adj").read_text()) < order.of_child
    finally:
        os.kill(newborn, signal.SIGKILL)
        os.waitpid(newborn, 0)


def test_one_kill_by_the_kernel_accounts_for_one_death_soon_after(tmp_path: Path) -> None:
    machine = Machine(tmp_path, VERSION_2.format(inside="/", at="/sys/fs/cgroup"), "0::/\n")
    now = 0.0

    def count(kills: int) -> None:
        machine.write("sys/fs/cgroup/memory.events", f"oom_kill {kills}\n")

    def pass_time(seconds: float) -> None:
        nonlocal now
        now += seconds
        kills.look()

    count(7)
    kills = KernelKills(tmp_path, clock=lambda: now)
    assert kills.claim() is False
    count(9)
    assert [kills.claim(), kills.claim(), kills.claim()] == [True, True, False]
    count(10)
    pass_time(LOOK_SECONDS)  # read meanwhile, but the death has not been noticed yet
    assert [kills.claim(), kills.claim()] == [True, False]
    count(11)
    pass_time(LOOK_SECONDS)
    pass_time(LOOK_SECONDS)
    pass_time(LOOK_SECONDS)
    assert kills.claim() is False  # long ago: that was somebody else's process


@pytest.mark.parametrize(
    ("limit_mb", "workers", "said"),
    [
        (2048, 2, None),
        (128, 2, None),
        (80, 1, "starting one worker. Allow 128 MB"),
        (72, 1, "starting one worker, which needs about 75 MB; the kernel may kill processes. Allow 128 MB"),
    ],
)
def test_one_worker_is_started_where_two_do_not_fit(limit_mb: int, workers: int, said: str | None) -> None:
    limit = MemoryLimit(limit_mb * MIB, "/sys/fs/cgroup/memory.max")
    before = config()
    after = fitted(before, limit)
    assert after.settings.process.workers == workers
    if said is None:
        assert after is before
        return
    warning = after.warnings[-1]
    assert warning.startswith(
        f"memory is limited to {limit_mb} MB (/sys/fs/cgroup/memory.max), 2 workers need about 83 MB: {said}"
    )
    assert "\n" not in warning and "PW_WORKERS=1" in warning


def test_many_workers_are_as_many_as_fit_and_one_is_the_least() -> None:
    many = config(PW_WORKERS="64")
    for limit_mb in range(1, 1000):
        limit = MemoryLimit(limit_mb * MIB, "")
        workers = fitted(many, limit).settings.process.workers
        assert workers is not None
        assert workers == 1 or need_bytes(many, workers) <= limit.limit_bytes
        assert workers == 64 or need_bytes(many, workers + 1) > limit.limit_bytes


def test_one_worker_that_does_not_fit_is_started_and_told() -> None:
    after = fitted(config(PW_WORKERS="1"), MemoryLimit(64 * MIB, "/proc/meminfo"))
    assert after.settings.process.workers == 1
    assert after.warnings[-1] == (
        "memory is limited to 64 MB (/proc/meminfo), one worker needs about 75 MB: the kernel will probably kill "
        "processes. Stop other programs of this machine"
    )


def test_a_further_gateway_needs_more() -> None:
    two = '[{"id": "a", "host": "10.0.0.1", "gw_pwd": "x"}, {"id": "b", "host": "10.0.0.2", "gw_pwd": "y"}]'
    assert need_bytes(config(PW_GATEWAYS=two), 2) > need_bytes(config(), 2)


def test_what_the_kernel_found_too_little_is_not_advised_again() -> None:
    limit = MemoryLimit(512 * MIB, "/sys/fs/cgroup/memory.max")
    assert "Allow 640 MB" in kill_advice(config(), limit)
