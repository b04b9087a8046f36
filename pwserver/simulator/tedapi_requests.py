"""Answer TEDAPI, the protobuf protocol on the gateway's own WiFi, and its signed form on the wired port."""

from __future__ import annotations

import base64
import gzip
import hmac
import json

from pwserver.json_types import Json

from . import envelope as env
from . import protobuf, tedapi_commands
from .faults import Fault
from .http_messages import Request, Response
from .simulated_device import GARBAGE, DeviceAnswer, SimulatedDevice
from .web_api_requests import token_ok


def answer(device: SimulatedDevice, request: Request, fault: Fault) -> DeviceAnswer:
    """Answer one request below /tedapi/."""
    path = request.path
    if not device.scenario.tedapi:
        return DeviceAnswer(Response(404), "tedapi")
    if path == "/tedapi/v1r":
        return _signed(device, request, fault)
    if not (_basic_ok(device, request) or token_ok(device, request)):
        return DeviceAnswer(Response(403, b"User does not have adequate access rights", "text/plain"), "tedapi")
    if path == "/tedapi/din":
        din = device.family.din.encode() + b"\n"
        return DeviceAnswer(Response(200, gzip.compress(din) if device.scenario.gzip else din, "text/plain"), "din")
    if request.method != "POST" or not (path == "/tedapi/v1" or path.startswith("/tedapi/device/")):
        return DeviceAnswer(Response(404), "tedapi")
    # With a bearer token, the message around the envelope has no tail (see ``envelope.wrap``).
    bearer = request.headers.get("authorization", "").startswith("Bearer ")
    try:
        if bearer:
            fields, tail = protobuf.decode(protobuf.raw(protobuf.decode(request.body), 1) or b""), 1
        else:
            fields, tail = env.unwrap(request.body)
        answer, about, status = _answer_envelope(device, fields, fault)
    except protobuf.WireError as error:
        return DeviceAnswer(Response(400, str(error).encode(), "text/plain"), "garbled")
    if answer is None:
        return DeviceAnswer(Response(status), about)
    if fault.kind == "garbage-protobuf":
        return DeviceAnswer(Response(200, GARBAGE), about)
    body = protobuf.blob(1, answer) if bearer else env.wrap(answer, tail)
    return DeviceAnswer(Response(200, gzip.compress(body, 1) if device.scenario.gzip else body), about)


def _basic_ok(device: SimulatedDevice, request: Request) -> bool:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if not device.scenario.basic_login:
        return False
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return False
    return (
        kind == "Basic"
        and user == "Tesla_Energy_Device"  # the user name that TEDAPI always has
        and hmac.compare_digest(password.encode(), device.password.encode())
    )


def _signed(device: SimulatedDevice, request: Request, fault: Fault) -> DeviceAnswer:
    if device.signed is None or request.method != "POST":
        return DeviceAnswer(Response(404), "v1r")
    checked = device.signed.check(request.body, device.family.din)
    if isinstance(checked, bytes):
        return DeviceAnswer(Response(200, checked), "v1r refused")
    try:
        answer, about, _ = _answer_envelope(device, checked.envelope, fault, signed=True)
    except protobuf.WireError:
        return DeviceAnswer(Response(200, device.signed.fault(checked, 10)), "garbled")
    if fault.kind == "garbage-protobuf":
        return DeviceAnswer(Response(200, GARBAGE), about)
    if answer is None:  # followers cannot be reached over the wired port
        return DeviceAnswer(Response(200, device.signed.fault(checked, 2)), about)
    return DeviceAnswer(Response(200, device.signed.reply(checked, answer)), about)


def _answer_envelope(
    device: SimulatedDevice, fields: protobuf.Fields, fault: Fault, *, signed: bool = False
) -> tuple[bytes | None, str, int]:
    """Return (answer envelope or None, about, HTTP status if None) for a request envelope. Raises WireError."""
    head = env.participants(device.family.din, 2 if signed else 1)
    recipient = env.recipient_of(fields) or device.family.din
    if env.QUERY in fields:
        body, about = _query(device, fields, recipient, fault, signed)
        return (head + body if body is not None else None), about, fault.status
    if env.CONFIG in fields:
        content = device.json_text(device.config, fault)
        return head + tedapi_commands.files(device, fields, content, signed=signed), "config", 200
    if env.TEG in fields and signed:
        return head + tedapi_commands.teg(device, fields), "teg", 200
    if env.FIRMWARE in fields:
        facts = device.family.firmware
        if facts is None:
            return head, "firmware", 200
        return head + env.firmware_answer(facts | {"time": device.house.now()}), "firmware", 200
    return None, "unknown", 400


def _query(
    device: SimulatedDevice, fields: protobuf.Fields, recipient: str, fault: Fault, signed: bool
) -> tuple[bytes | None, str]:
    query = env.query_of(fields)
    if query is None:
        raise protobuf.WireError("no query")
    text, variables_text = query
    try:
        variables = json.loads(variables_text or "{}")
    except ValueError as error:
        raise protobuf.WireError("variables are no JSON") from error
    snapshot = device.house.snapshot()
    family = device.family
    document: Json
    if "ComponentsQuery" in text or "PW3Query" in text:
        about = f"components:{recipient}"
        followers = [unit.din for unit in family.units if unit.din != family.din]
        lost = followers[fault.unit - 1 : fault.unit] if fault.kind == "follower-gone" else []
        if recipient in lost or (signed and recipient != family.din):
            return None, about
        document = family.components(snapshot, recipient, variables, device.site_alerts(snapshot))
    else:
        full = bool(variables) or "$msaComp" in text or "components" in text
        about = "controller" if full else "status"
        document = family.status(snapshot, device.site_alerts(snapshot), full, variables)
        if document["system"]["time"] is None:
            document["system"]["time"] = device.house.local_time(snapshot.time).isoformat(timespec="seconds")
    return env.query_answer("" if document is None else device.json_text(document, fault)), about
