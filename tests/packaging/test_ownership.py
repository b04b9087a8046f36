"""The door of the image gives files away as root: only ours, and only those it has looked at."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.roots import required

DOOR = Path(__file__).parents[2] / "deploy/container/as-owner"
OWNER = 1234
# A chown that is overtaken: what it was told to change is a link to something else by the time it looks.
OVERTAKEN = """#!/bin/sh
if [ -e /data/file ] && [ ! -L /data/file ]; then
    rm /data/file && ln -s /outside/secret /data/file
    mv /data/folder /data/moved && ln -s /outside /data/folder
fi
exec /bin/chown "$@"
"""


class Machine:
    """A root of its own for the door: the machine's programs, and folders of this test."""

    def __init__(self, folder: Path) -> None:
        required("unshare")
        self.places = {place: folder / place.strip("/") for place in ("/data", "/auth", "/outside", "/tools")}
        for outside in self.places.values():
            outside.mkdir()
        shutil.copy(DOOR, self.places["/tools"] / "pwserver")
        self.tool("setpriv", "#!/bin/sh\nexit 0\n")

    def tool(self, name: str, script: str) -> None:
        """A program that is found before the machine's own."""
        path = self.places["/tools"] / name
        path.write_text(script)
        path.chmod(0o755)

    def open_door(self, *more: str, **environment: str) -> tuple[str, list[str]]:
        """Run the script as root, after ``more`` shell lines. Return what it says and what it gave away."""
        lines = ["set -eu", "mount -t tmpfs none /mnt", "cd /mnt", "mkdir -p etc home sys dev proc var/data"]
        # Nothing of this machine but its programs, and those read-only: a door that gives away too much harms nobody.
        lines += ["mount -t proc none proc", "mknod -m 666 dev/null c 1 3"]
        for name in sorted({"usr", "bin", "sbin", "lib", "lib64"} & set(os.listdir("/"))):
            if os.path.islink(f"/{name}"):
                lines.append(f"ln -s {os.readlink(f'/{name}')} {name}")
            else:
                lines.append(f"mkdir {name} && mount --bind /{name} {name} && mount -o remount,bind,ro {name}")
        lines += [f"mkdir .{place} && mount --bind {outside} .{place}" for place, outside in self.places.items()]
        lines += [*more, "chroot /mnt /tools/pwserver", "find /mnt -xdev ! -user 0 ! -path /mnt/data ! -path /mnt/auth"]
        ended = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "sh", "-c", "\n".join(lines)],
            env={"PATH": "/tools:/usr/sbin:/usr/bin:/sbin:/bin"} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stderr, ended.stdout.split()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    os.chown(made.places["/data"], OWNER, OWNER)
    return made


def owner(path: Path) -> int:
    return path.lstat().st_uid


def test_files_written_as_root_are_given_to_the_owner(machine: Machine) -> None:
    data = machine.places["/data"]
    (data / "folder" / "below").mkdir(parents=True)
    (data / "folder" / "below" / "polls.ring").write_text("rows")
    (data / "somebody's").write_text("mail")
    os.chown(data / "somebody's", 77, 77)
    assert machine.open_door() == ("", [])
    assert owner(data / "folder") == owner(data / "folder/below/polls.ring") == OWNER
    assert owner(data / "somebody's") == 77


def test_a_link_put_in_the_place_of_a_file_or_a_folder_gives_nothing_away(machine: Machine) -> None:
    data, outside = machine.places["/data"], machine.places["/outside"]
    (data / "file").write_text("rows")
    (data / "folder").mkdir()
    (data / "folder/secret").write_text("rows")
    (outside / "secret").write_text("password")
    machine.tool("chown", OVERTAKEN)
    machine.open_door()
    assert (data / "file").is_symlink() and (data / "folder").is_symlink(), "the race took place"
    assert owner(outside / "secret") == owner(outside) == 0


def test_a_second_name_of_a_file_elsewhere_gives_nothing_away(machine: Machine) -> None:
    data, outside = machine.places["/data"], machine.places["/outside"]
    (outside / "secret").write_text("password")
    os.link(outside / "secret", data / "name")
    machine.open_door()
    assert owner(outside / "secret") == 0


@pytest.mark.parametrize(
    "path", ["/", "//", "/data/..", "/link", "/etc", "/var/", "/var/data", "/home", "/usr", "/sys", "/dev", ".."]
)
def test_a_folder_of_the_system_keeps_its_owner(machine: Machine, path: str) -> None:
    said, given_away = machine.open_door("ln -s / link", "touch file etc/file var/data/file", PW_AUTH_PATH=path)
    assert "belongs to the system, its files keep their owner" in said
    assert given_away == []


@pytest.mark.parametrize("path", ["/var/data", "/app/.auth", "/etc/powerwall"])
def test_a_volume_is_given_to_its_owner_wherever_it_is_mounted(machine: Machine, path: str) -> None:
    auth = machine.places["/auth"]
    (auth / ".pypowerwall.auth").write_text("{}")
    os.chown(auth, 77, 77)
    said, _ = machine.open_door(f"mkdir -p .{path} && mount --bind {auth} .{path}", PW_AUTH_PATH=path)
    assert said == "" and owner(auth / ".pypowerwall.auth") == 77


def test_an_option_of_find_is_no_folder(machine: Machine) -> None:
    data = machine.places["/data"]
    (data / "file").write_text("rows")
    machine.open_door(PW_AUTH_PATH="-delete")
    assert (data / "file").exists()
