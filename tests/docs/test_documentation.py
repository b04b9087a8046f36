"""What the documentation says is so: links, files, settings, pages, figures; and the commands it shows do work."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pwserver import __version__
from pwserver.cli import COMMANDS, build_parser, split_arguments
from pwserver.config.settings import BY_NAME, ENVIRONMENT_NAMES
from pwserver.generated_page import with_generated
from pwserver.history.tool import run as history_tool
from pwserver.simulator import SimulatedGateway
from tests.docs import causes_page, figures, layers_page, processes_page, provenance_page
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
DEPLOYED = sorted(path for path in (ROOT / "deploy").glob("**/*") if path.suffix in (".yml", ".yaml", ".service"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NAME = re.compile(r"\b(?:PW|MQTT|CORS|CONTROL)_[A-Z_]*[A-Z]\b")
FOLDERS = ("deploy/", "docs/", "tests/", "pwserver/", "pwserver_ext/", "static/", "benchmarks/", ".ci/", ".github/")
# Programs of others that examples call and that do not run here; what follows them is theirs.
FOREIGN = {
    "docker",
    "systemctl",
    "kubectl",
    "apt",
    "nmcli",
    "ip",
    "nano",
    "cp",
    "install",
    "a2enmod",
    "mosquitto_passwd",
    "chown",
    "influx",
    "vmalert",
}
SECRET = "a secret of the tests"
CURL_GAVE_UP = 28  # after --max-time, which is how a stream ends
# Places on a machine or in a container, not pages.
PLACES = ("/data", "/auth", "/app", "/dev", "/etc", "/var", "/opt", "/tmp", "/usr", "/path", "/power", "/pw/bogus")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    text = page.read_text()
    for groups in LINK.findall(FENCE.sub("", text)):
        target = urlsplit(next(filter(None, groups)))
        if target.scheme or target.netloc:
            assert target.scheme in ("https", "mailto"), groups
            continue
        file = (page.parent / unquote(target.path)).resolve() if target.path else page
        assert file.exists(), f"{name(page)} links to {target.path}"
        assert file.is_relative_to(ROOT)
        if target.fragment and file.suffix == ".md":
            assert target.fragment in anchors(file.read_text()), f"{name(page)}: no heading #{target.fragment}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_settings_exist(page: Path) -> None:
    text = page.read_text()
    for span in SPAN.findall(FENCE.sub("", text)):
        if span.startswith(FOLDERS) and not re.search(r"[\s{…]", span):
            place = span.rstrip("/*")  # a module may be named without its suffix
            assert list(ROOT.glob(f"{place}*")), f"{name(page)}: {span}"
    others = {"PW_MAX_COOKIES", "PW_TEST_PATIENCE", "PW_TEST_SLOWED"}  # which a walk adds; which the tests read
    unknown = set(NAME.findall(text)) - set(ENVIRONMENT_NAMES) - others
    prefixes = {found for found in unknown if any(known.startswith(f"{found}_") for known in ENVIRONMENT_NAMES)}
    assert not unknown - prefixes, name(page)


@pytest.mark.parametrize("file", [*DEPLOYED, ROOT / "docker-compose.yml", ROOT / "Dockerfile"], ids=name)
def test_settings_in_deployed_files_exist(file: Path) -> None:
    assert set(NAME.findall(file.read_text())) <= set(ENVIRONMENT_NAMES)


def commands(page: Path) -> Iterator[str]:
    """Each command line of the page's sh blocks, continued lines in one, and each command of ours within its text."""
    text = page.read_text()
    for language, body in FENCE.findall(text):
        if language in ("sh", "bash"):
            yield from filter(None, (line.strip() for line in body.replace("\\\n", " ").splitlines()))
    for span in SPAN.findall(FENCE.sub("", text)):
        if re.fullmatch(r"(?:\S*/)?(?:make|pwserver|pypowerwall-server|python|pytest|pip|curl) .*", span):
            yield span


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;><")
    lexer.whitespace_split = True
    words: list[str] = []
    redirected = False
    for word in lexer:
        if set(word) <= set("|&;"):
            yield words
            words = []
        elif set(word) <= set("><"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(word)
    yield words


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that the examples ask: the gateways they name, one that can be written to, and a token."""
    with SimulatedGateway("v1r", hour=12) as first, SimulatedGateway("powerwall2", hour=12) as second:
        values = many({"default": first, "cabin": second}, tmp_path_factory.mktemp("state"), PW_CONTROL_SECRET=SECRET)
        entries = json.loads(values["PW_GATEWAYS"])
        entries[0]["rsa_key_path"] = str(first.rsa_key_path)
        with Server(environment=values | {"PW_GATEWAYS": json.dumps(entries)}) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30, "both gateways")
            yield server


@pytest.mark.parametrize(("page", "line"), [(page, line) for page in PAGES for line in commands(page)])
def test_commands_work(page: Path, line: str, request: pytest.FixtureRequest) -> None:
    for words in simple_commands(line):
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            assert words.pop(0).partition("=")[0] in ENVIRONMENT_NAMES
        if words and words[0] == "curl":
            ask(request.getfixturevalue("house"), words)
        elif words:
            check(words)


def ask(server: Server, words: list[str]) -> None:
    """Run this curl against a real server: it answers, and not with an error."""
    assert any("localhost:8675" in word for word in words), words
    here = [word.replace("localhost:8675", f"127.0.0.1:{server.port}").replace("$SECRET", SECRET) for word in words]
    stream = "-N" in here
    done = subprocess.run([*here, "-sS", "--fail", "--max-time", "3" if stream else "20"], capture_output=True)
    assert done.returncode == (CURL_GAVE_UP if stream else 0), (words, done.stderr)
    assert done.stdout, words


def check(words: list[str]) -> None:
    """Does this command exist with these arguments? What belongs to others is left to them."""
    words = words[words[0] == "sudo" :]
    program, arguments = re.sub(r"^(?:\.venv|~/\.local|~/pwserver|/opt/pwserver)/bin/", "", words[0]), words[1:]
    if program == "make":
        check_make(arguments)
    elif program in ("pwserver", "pypowerwall-server"):
        check_pwserver(arguments)
    elif program in ("python", "python3") and arguments[0] == "-m":
        check_module(arguments[1], arguments[2:])
    elif program == "pytest":
        assert all((ROOT / word).exists() for word in arguments if not word.startswith("-")), words
    elif program in ("pip", "pipx"):
        assert arguments[0] == "install" or words == ["pipx", "ensurepath"], words
        assert all(
            re.match(r"\.(\[(mqtt|notices)\])?$|pwserver|pypowerwall-server|-|dist/", word) for word in arguments[1:]
        ), words
    elif program == "openssl":
        assert subprocess.run(words, capture_output=True, check=True, timeout=patient(20)).stdout
    else:
        assert program in FOREIGN, f"unknown program: {words}"


def check_make(arguments: list[str]) -> None:
    """The verbs exist; what ARGS passes on is understood by the module the verb starts."""
    makefile = (ROOT / "Makefile").read_text()
    verbs = [word for word in arguments if "=" not in word]
    passed = [word.removeprefix("ARGS=") for word in arguments if word.startswith("ARGS=")]
    for verb in verbs:
        assert re.search(rf"^{verb}:.*## ", makefile, re.MULTILINE), verb
        module = re.search(rf"^{verb}:.*\n(?:\t.*\n)*?\t.*-m (benchmarks[.\w]*) \$\(ARGS\)", makefile, re.MULTILINE)
        for given in passed if module else ():
            check_module(module[1], shlex.split(given))  # type: ignore[index]


def check_module(module: str, arguments: list[str]) -> None:
    """It is ours or one that is meant; flags are those its own help tells."""
    if module in ("venv", "pypowerwall"):
        return
    place = (ROOT / Path(*module.split("."))).with_suffix("")
    assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), module
    flags = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    if flags:
        told = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert flags <= set(re.findall(r"--[a-z-]+", told)), (module, flags)


def check_pwserver(arguments: list[str]) -> None:
    flags, command, own = split_arguments(arguments)
    assert command in COMMANDS
    options, unknown = build_parser("pwserver").parse_known_args(flags)
    assert not unknown, unknown
    assert set(vars(options)) - {"setup", "reload"} <= set(BY_NAME)
    if command == "history":
        from pwserver.history.layout import HistorySettings

        said = io.StringIO()
        with contextlib.redirect_stderr(said):  # without a folder it understands everything and then refuses
            assert history_tool(own, HistorySettings(), (), "", said, said) == 2
        assert "PW_HISTORY_PATH is not set" in said.getvalue(), said.getvalue()


def test_pages_named_in_the_documentation_exist() -> None:
    with Server(["--demo=powerwall3"]) as server:
        known = {re.sub(r"\{\w+\}", "{}", path).rstrip("/") or "/" for path in server.json("/openapi.json")["paths"]}
        known |= {"/api/gateways/{}/<path>", "/favicon.ico", "/static", "/rss"}
        known.add("/home")  # which a walk of contributing.md adds
        for page in PAGES:
            for span in SPAN.findall(FENCE.sub("", page.read_text())):
                path = re.sub(r"\{\w+\}", "{}", span.removeprefix("GET ").removeprefix("POST ").partition("?")[0])
                path = re.sub(r"/ID\b", "/{}", path)
                path = re.sub(r"^/api/gateways/[\w-]+(?=/)", "/api/gateways/{}", path)
                path = re.sub(r"^/api/site/[\w-]+$", "/api/site/{}", path)
                if not re.fullmatch(r"/[a-z][\w/{}.-]*\w}?/?", path) or path.startswith(PLACES):
                    continue
                path = path.rstrip("/")
                below = any(each.startswith(f"{path}/") for each in known)
                answered = path in known or below or server.get(path.replace("{}", "default")).status != 404
                assert answered, f"{name(page)} names {span}"


def test_figures_in_short_are_measured() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    short = figures.table(page)
    again = "run: python -m tests.docs.figures docs/benchmarks.md"
    assert page == with_generated(page, figures.START, short), again
    (line,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "benchmarks.md#in-short" in line]
    named = re.findall(r"\d[\d,.]*\d", line)
    assert len(named) == 2 and all(figure in short for figure in named), "the README's line tells other figures"


def test_the_causes_of_failure_are_those_of_the_code() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    again = "run: python -m tests.docs.causes_page docs/operations.md"
    assert page == with_generated(page, causes_page.MARKER, causes_page.table()), again


def test_the_provenance_is_that_of_the_code() -> None:
    page = (ROOT / "docs/provenance.md").read_text()
    again = "run: python -m tests.docs.provenance_page docs/provenance.md"
    assert page == with_generated(page, provenance_page.MARKER, provenance_page.table()), again


@pytest.mark.parametrize("marker", processes_page.TABLES)
def test_tables_about_processes_say_what_main_does(marker: str) -> None:
    page = (ROOT / "docs/operations.md").read_text()
    again = "run: python -m tests.docs.processes_page docs/operations.md"
    assert page == with_generated(page, marker, processes_page.TABLES[marker]()), again


def test_the_picture_of_the_layers_is_that_of_the_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    again = "run: python -m tests.docs.layers_page docs/architecture.md"
    assert page == with_generated(page, layers_page.MARKER, layers_page.picture()), again


def test_the_picture_of_the_house_has_every_room() -> None:
    """Each file and folder of pwserver/ stands in the table of rooms, and nothing else does."""
    table = (ROOT / "docs/architecture.md").read_text().partition("## Rooms")[2].partition("\n## ")[0]
    named = {span.strip("/") for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE) for span in SPAN.findall(row)}
    inside = {path.name for path in (ROOT / "pwserver").iterdir() if not path.name.startswith("__")}
    beside = {"pwserver_ext", "static", "types", "tests", "benchmarks", "deploy", ".github", ".ci"}
    assert named == inside | beside


def test_parameters_of_the_pages_are_read() -> None:
    """What docs/pages.md says an address may hold, the pages' scripts ask for, and nothing else."""
    rows = (ROOT / "docs/pages.md").read_text().partition("| Parameter |")[2].splitlines()
    told = {span for row in rows if row.startswith("| `") for span in SPAN.findall(row.split("|")[1])}
    scripts = "".join(path.read_text() for path in (ROOT / "static/js").rglob("*.js"))
    asked = set(re.findall(r"(?:query|Params\(location\.search\))\.(?:get|has)\(\"(\w+)\"\)", scripts))
    assert told == asked | {"style"}  # that one the server reads


def test_the_changelog_is_one_for_this_version() -> None:
    """The release takes its notes from here: a heading for the version, and every change of a known kind."""
    text = (ROOT / "CHANGELOG.md").read_text()
    head, *lines = [line for line in text.partition("\n## ")[2].splitlines() if line]
    assert head in ("Unreleased", __version__) and f"\n## {__version__}\n" in text
    changes = [line for line in lines if line.startswith("* ")]
    assert changes and all(re.match(r"\* (FEATURE|CHANGE|FIX|SECURITY): \S.*", line) for line in changes)
