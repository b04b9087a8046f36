"""One simulated gateway as a device: who may ask, what it answers, what was written to it. No sockets here."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from . import binary_vitals, protobuf, tedapi_commands
from . import envelope as env
from .faults import Fault, null_strings, unit_missing, without
from .house import House, Snapshot
from .http_messages import Request, Response, json_response
from .scenarios import Scenario
from .signed import SignedTransport
from .writes import Write, Writes

JsonObject = dict[str, Any]

_TOKENS = 64
_GARBAGE = b"\x0a\xff\xff\xff\xff\x0fthis is no message\x07\x07\x07"
_PORTAL = b"<!DOCTYPE html><html><head><title>Tesla Energy Gateway</title></head><body>simulated</body></html>"


@dataclass(slots=True)
class DeviceAnswer:
    """What a device says to one request, and a word for what it was about (status, controller, config, firmware,
    components:<DIN>, din, login, /api path)."""

    response: Response
    about: str


@dataclass(slots=True)
class SimulatedDevice:
    """``password`` is the gateway's (its sticker); the owner's is its last five characters."""

    scenario: Scenario
    house: House
    password: str
    signed: SignedTransport | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    writes: Writes = field(default_factory=Writes)
    failed_logins: int = 0
    config: JsonObject = field(init=False)
    alerts: dict[str, list[str]] = field(default_factory=dict)  # serial or "site" -> extra alerts
    counters: JsonObject = field(default_factory=dict)  # ``load.energy_imported`` -> what the meter says instead
    alter: Callable[[Any], Any] | None = None  # makes another answer of each
    _tokens: deque[str] = field(default_factory=lambda: deque(maxlen=_TOKENS))

    def __post_init__(self) -> None:
        self.config = self.scenario.family.config()
        self.apply_config()

    @property
    def customer_password(self) -> str:
        return self.password[-5:]

    # -- state -----------------------------------------------------------------------------------------------------

    def apply_config(self) -> None:
        """Make the house behave as config.json says."""
        info = self.config.get("site_info") or {}
        changes: dict[str, object] = {}
        reserve = info.get("backup_reserve_percent")
        if isinstance(reserve, (int, float)):
            changes["reserve_percent"] = float(reserve)
        if isinstance(self.config.get("default_real_mode"), str):
            changes["mode"] = self.config["default_real_mode"]
        if isinstance(info.get("customer_preferred_export_rule"), str):
            changes["export_rule"] = info["customer_preferred_export_rule"]
        changes["grid_charging"] = not info.get("disallow_charge_from_grid_with_solar_installed")
        self.house.command(**changes)

    def site_alerts(self, snapshot: Snapshot) -> dict[str, list[str]]:
        """All active alerts: what follows from the state, then what was raised by hand."""
        usual = ["GridCodesWrite", "FWUpdateSucceeded", "PodCommissionTime"]
        if snapshot.grid == "up":
            usual.append("SystemConnectedToGrid")
        elif snapshot.grid == "down":
            usual += ["IslandingControllerIslanded", "BackfeedLimited"]
        if snapshot.controls.off_grid:
            usual.append("ScheduledIslandContactorOpen")
        if snapshot.load_shed:
            usual.append("RealPowerAvailableLimited")
        alerts = {serial: list(names) for serial, names in self.alerts.items()}
        alerts["site"] = usual + alerts.get("site", [])
        return alerts

    # -- requests --------------------------------------------------------------------------------------------------

    def handle(self, request: Request, fault: Fault) -> DeviceAnswer:
        """The answer to one request; content faults are worked in here, transport faults elsewhere."""
        with self.lock:
            path = request.path
            if path.startswith("/tedapi/"):
                return self._tedapi(request, fault)
            if path == "/api/login/Basic":
                return DeviceAnswer(self._login(request), "login")
            if path == "/api/logout":
                return DeviceAnswer(Response(204), "logout")
            if path.startswith("/api/"):
                return DeviceAnswer(self._api(request, fault), path)
            if path == "/":
                portal = self.scenario.portal_status
                return DeviceAnswer(Response(portal, _PORTAL if portal == 200 else b"", "text/html"), "portal")
            return DeviceAnswer(Response(404, b"", "text/plain"), "unknown")

    def _token_ok(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer":
            return token in self._tokens
        for part in request.headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == "AuthCookie" and value in self._tokens:
                return True
        return False

    def forget_logins(self) -> None:
        """All tokens expire."""
        with self.lock:
            self._tokens.clear()

    def _basic_ok(self, request: Request) -> bool:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return False
        return (
            kind == "Basic"
            and user == "Tesla_Energy_Device"
            and hmac.compare_digest(password.encode(), self.password.encode())
        )

    def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(405)
        try:
            if "json" in request.headers.get("content-type", "") or request.body[:1] == b"{":
                given = json.loads(request.body)
            else:
                given = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
            user, password = str(given["username"]), str(given["password"])
        except (ValueError, KeyError, TypeError):
            return json_response({"code": 400, "error": "bad request", "message": "login"}, 400)
        wanted = {"customer": self.customer_password, "installer": self.password}.get(user)
        if wanted is None or not hmac.compare_digest(password.encode(), wanted.encode()):
            self.failed_logins += 1
            return json_response({"code": 401, "error": "bad credentials", "message": "Login Error"}, 401)
        token = secrets.token_urlsafe(32)
        self._tokens.append(token)
        cookies = [
            ("Set-Cookie", f"AuthCookie={token}; Path=/; Secure"),
            ("Set-Cookie", "UserRecord=simulated; Path=/; Secure"),
        ]
        return json_response(
            {
                "email": str(given.get("email", "")),
                "firstname": "Tesla",
                "lastname": "Energy",
                "roles": ["Home_Owner" if user == "customer" else "Provider_Engineer"],
                "token": token,
                "provider": "Basic",
                "loginTime": self.house.local_time().isoformat(),
            },
            headers=cookies,
        )

    # -- the web API -----------------------------------------------------------------------------------------------

    def _api(self, request: Request, fault: Fault) -> Response:
        if not self._token_ok(request):
            return json_response({"code": 401, "error": "Unauthorized", "message": "Invalid bearer token"}, 401)
        path = request.path
        if not self.scenario.serves(path):
            return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
        if request.method == "POST":
            return self._api_post(path, request.body)
        if path == "/api/devices/vitals":
            snapshot = self.house.snapshot()
            devices = self.scenario.family.vitals(snapshot, self.site_alerts(snapshot))
            if devices is not None and self.alter is not None:
                devices = self.alter(devices)
            content = None if devices is None else binary_vitals.encode(devices)
            if fault.kind == "garbage-protobuf":
                content = _GARBAGE
            return Response(404) if content is None else Response(200, content)
        document = self.scenario.family.api(path, self)
        if document is None:
            return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
        return Response(200, self._json(document, fault).encode(), "application/json")

    def _api_post(self, path: str, body: bytes) -> Response:
        if path != "/api/operation":
            return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
        try:
            given = json.loads(body)
            mode, reserve = str(given["real_mode"]), float(given["backup_reserve_percent"])
        except (ValueError, KeyError, TypeError):
            return json_response({"code": 400, "error": "bad request", "message": "operation"}, 400)
        self.writes.add(Write("operation", {"real_mode": mode, "backup_reserve_percent": reserve}))
        self.config["default_real_mode"] = mode
        self.config.setdefault("site_info", {})["backup_reserve_percent"] = reserve
        self.apply_config()
        return json_response({"real_mode": mode, "backup_reserve_percent": reserve})

    def _json(self, document: Any, fault: Fault) -> str:
        if self.alter is not None:
            document = self.alter(document)
        if fault.kind in ("absent", "null"):
            document = without(document, fault.fields, null=fault.kind == "null")
        elif fault.kind == "null-strings":
            document = null_strings(document)
        elif fault.kind == "unit-missing":
            document = unit_missing(document, fault.unit)
        text = json.dumps(document, separators=(",", ":"))
        return text[: len(text) // 2] if fault.kind == "garbage-json" else text

    # -- TEDAPI ----------------------------------------------------------------------------------------------------

    def _tedapi(self, request: Request, fault: Fault) -> DeviceAnswer:
        path = request.path
        if not self.scenario.tedapi:
            return DeviceAnswer(Response(404), "tedapi")
        if path == "/tedapi/v1r":
            return self._signed(request, fault)
        if not (self._basic_ok(request) or self._token_ok(request)):
            return DeviceAnswer(Response(403, b"User does not have adequate access rights", "text/plain"), "tedapi")
        if path == "/tedapi/din":
            din = self.scenario.family.din.encode() + b"\n"
            return DeviceAnswer(Response(200, gzip.compress(din) if self.scenario.gzip else din, "text/plain"), "din")
        if request.method != "POST" or not (path == "/tedapi/v1" or path.startswith("/tedapi/device/")):
            return DeviceAnswer(Response(404), "tedapi")
        bearer = request.headers.get("authorization", "").startswith("Bearer ")
        try:
            if bearer:
                fields, tail = protobuf.decode(protobuf.raw(protobuf.decode(request.body), 1) or b""), 1
            else:
                fields, tail = env.unwrap(request.body)
            answer, about, status = self.answer_envelope(fields, fault)
        except protobuf.WireError as error:
            return DeviceAnswer(Response(400, str(error).encode(), "text/plain"), "garbled")
        if answer is None:
            return DeviceAnswer(Response(status), about)
        if fault.kind == "garbage-protobuf":
            return DeviceAnswer(Response(200, _GARBAGE), about)
        body = protobuf.blob(1, answer) if bearer else env.wrap(answer, tail)
        return DeviceAnswer(Response(200, gzip.compress(body, 1) if self.scenario.gzip else body), about)

    def _signed(self, request: Request, fault: Fault) -> DeviceAnswer:
        if self.signed is None or request.method != "POST":
            return DeviceAnswer(Response(404), "v1r")
        checked = self.signed.check(request.body, self.scenario.family.din)
        if isinstance(checked, bytes):
            return DeviceAnswer(Response(200, checked), "v1r refused")
        try:
            answer, about, _ = self.answer_envelope(checked.envelope, fault, signed=True)
        except protobuf.WireError:
            return DeviceAnswer(Response(200, self.signed.fault(checked, 10)), "garbled")
        if fault.kind == "garbage-protobuf":
            return DeviceAnswer(Response(200, _GARBAGE), about)
        if answer is None:  # the sub-device cannot be reached this way
            return DeviceAnswer(Response(200, self.signed.fault(checked, 2)), about)
        return DeviceAnswer(Response(200, self.signed.reply(checked, answer)), about)

    def answer_envelope(
        self, fields: protobuf.Fields, fault: Fault, *, signed: bool = False
    ) -> tuple[bytes | None, str, int]:
        """(answer envelope, about, HTTP status when there is none) for a request envelope. Raises WireError."""
        head = env.participants(self.scenario.family.din, 2 if signed else 1)
        recipient = env.recipient_of(fields) or self.scenario.family.din
        if env.QUERY in fields:
            body, about = self._query(fields, recipient, fault, signed)
            return (head + body if body is not None else None), about, fault.status
        if env.CONFIG in fields:
            content = self._json(self.config, fault)
            return head + tedapi_commands.files(self, fields, content, signed=signed), "config", 200
        if env.TEG in fields and signed:
            return head + tedapi_commands.teg(self, fields), "teg", 200
        if env.FIRMWARE in fields:
            facts = self.scenario.family.firmware
            if facts is None:
                return head, "firmware", 200
            return head + env.firmware_answer(facts | {"time": self.house.now()}), "firmware", 200
        return None, "unknown", 400

    def _query(self, fields: protobuf.Fields, recipient: str, fault: Fault, signed: bool) -> tuple[bytes | None, str]:
        query = env.query_of(fields)
        if query is None:
            raise protobuf.WireError("no query")
        text, variables_text = query
        try:
            variables = json.loads(variables_text or "{}")
        except ValueError as error:
            raise protobuf.WireError("variables are no JSON") from error
        snapshot = self.house.snapshot()
        family = self.scenario.family
        document: Any
        if "ComponentsQuery" in text or "PW3Query" in text:
            about = f"components:{recipient}"
            followers = [unit.din for unit in family.units if unit.din != family.din]
            lost = followers[fault.unit - 1 : fault.unit] if fault.kind == "follower-gone" else []
            if recipient in lost or (signed and recipient != family.din):
                return None, about
            document = family.components(snapshot, recipient, variables, self.site_alerts(snapshot))
        else:
            full = bool(variables) or "$msaComp" in text or "components" in text
            about = "controller" if full else "status"
            document = family.status(snapshot, self.site_alerts(snapshot), full, variables)
            if not self.scenario.frozen:
                document["system"]["time"] = self.house.local_time(snapshot.time).isoformat(timespec="seconds")
        return env.query_answer("" if document is None else self._json(document, fault)), about
