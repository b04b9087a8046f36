"""Carry a command from a request to the poller, and its outcome back."""

from __future__ import annotations

from urllib.parse import unquote

from sanic import Request

from pwserver.bounds import KEY_CHARACTERS
from pwserver.commands import CommandClient, Outcome
from pwserver.documents.catalogue import gateway_prefix
from pwserver.json_types import JsonObject
from pwserver.runtime import Runtime
from pwserver.shared import POLLER_ROW
from pwserver.web.address_table import GUESSES, AddressTable
from pwserver.web.auth import Authority
from pwserver.web.control_bodies import wants_dry_run
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import Refusal
from pwserver.web.representation import check_before_writing
from pwserver.web.request_query import has_parameter
from pwserver.web.subpath import without_base

START_SECONDS = 5.0  # a command that could not start within this time is not sent any more
LIMIT_SECONDS = 10.0  # from the start of a command to its end


class CommandSender:
    """Hands the commands of this worker's clients to the poller; ``authority`` judges who may send any."""

    def __init__(self, runtime: Runtime, table: DocumentTable) -> None:
        settings = runtime.config.settings
        self.runtime = runtime
        self.table = table
        guesses = AddressTable(runtime.shared.arena.region(GUESSES), runtime.workers)
        self.authority = Authority(settings.control, settings.web.trusted_proxies, guesses)
        self.body_bytes = settings.control.max_body_bytes
        # A dispatch may take as long as the gateway may for one answer, and some seconds for what surrounds it.
        self.dispatch_seconds = max(LIMIT_SECONDS, settings.gateways.timeout_seconds + 5.0)
        self.client: CommandClient | None = None

    def open(self, number: int, pid: int) -> None:
        """Listen for the poller's answers. Called in the worker, before it serves."""
        shared = self.runtime.shared
        self.client = CommandClient(self.runtime.channel.workers[number], shared.beats, POLLER_ROW, pid)

    def default_gateway(self) -> str:
        """Return the gateway that the routes without an id mean. Raises Refusal where none is configured."""
        default = self.runtime.server.default_gateway
        if default is None:
            raise Refusal(503, "No gateways configured")
        return default

    async def send(self, request: Request, who: str, gateway: str, action: str, arguments: JsonObject) -> Outcome:
        """Hand a validated command to the poller, and wait for its outcome."""
        assert self.client is not None
        if has_parameter(request, "gateway"):  # a command must not go to another house than is named
            raise Refusal(400, "'gateway' does not choose the gateway of a command; send it below /api/gateways/{id}/")
        if request.method == "POST":  # GET of max_backup reads
            check_before_writing(request, self._present_tag(request, gateway))
        # The key counts per gateway: a script that uses one key for a command to all of them means each of them.
        key = request.headers.get("idempotency-key", "")
        if len(key) > KEY_CHARACTERS:
            raise Refusal(400, f"Idempotency-Key must not be longer than {KEY_CHARACTERS} characters")
        return await self.client.carry_out(
            gateway,
            action,
            arguments,
            who=who,
            start_seconds=START_SECONDS,
            limit_seconds=self.dispatch_seconds if action in ("dispatch", "resume") else LIMIT_SECONDS,
            dry_run=wants_dry_run(request),
            key=f"{gateway} {key}" if key else "",
        )

    def _present_tag(self, request: Request, gateway: str) -> bytes | None:
        """Find the tag of the document that has the same path as this write; None where there is none."""
        path = unquote(without_base(request.path, self.runtime.config.settings.web.base_path)).rstrip("/")
        if path.startswith("/api/gateways/"):
            path = f"{gateway_prefix(gateway)}/{path.split('/', 4)[4]}"
        entry = self.table.entries.get(path)
        served = None if entry is None else self.table.read(entry)
        return served.etag.strip(b'"') if served is not None and served.status == 200 else None
