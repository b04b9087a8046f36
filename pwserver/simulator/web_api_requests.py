"""Answer requests to the web API: logging in, reading a document, setting mode and reserve."""

from __future__ import annotations

import hmac
import json
from urllib.parse import parse_qs

from . import binary_vitals
from .faults import Fault
from .http_messages import Request, Response, json_response
from .simulated_device import GARBAGE, SimulatedDevice
from .writes import Write


def token_ok(device: SimulatedDevice, request: Request) -> bool:
    """Return whether the request carries the token of a login, as a bearer or as a cookie."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind == "Bearer":
        return device.knows(token)
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "AuthCookie" and device.knows(value):
            return True
    return False


def log_in(device: SimulatedDevice, request: Request) -> Response:
    """Answer a login of the owner or an installer."""
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
    wanted = {"customer": device.customer_password, "installer": device.password}.get(user)
    if wanted is None or not hmac.compare_digest(password.encode(), wanted.encode()):
        device.failed_logins += 1
        return json_response({"code": 401, "error": "bad credentials", "message": "Login Error"}, 401)
    token = device.log_in()
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
            "loginTime": device.house.local_time().isoformat(),
        },
        headers=cookies,
    )


def answer(device: SimulatedDevice, request: Request, fault: Fault) -> Response:
    """Answer one request below /api/ that is not a login."""
    if not token_ok(device, request):
        return json_response({"code": 401, "error": "Unauthorized", "message": "Invalid bearer token"}, 401)
    path = request.path
    if not device.scenario.serves(path):
        return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
    if request.method == "POST":
        return _post(device, path, request.body)
    if path == "/api/devices/vitals":
        snapshot = device.house.snapshot()
        devices = device.family.vitals(snapshot, device.site_alerts(snapshot))
        if devices is not None and device.alter is not None:
            devices = device.alter(devices)
        content = None if devices is None else binary_vitals.encode(devices)
        if fault.kind == "garbage-protobuf":
            content = GARBAGE
        return Response(404) if content is None else Response(200, content)
    document = device.family.api(path, device.facts())
    if document is None:
        return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
    return Response(200, device.json_text(document, fault).encode(), "application/json")


def _post(device: SimulatedDevice, path: str, body: bytes) -> Response:
    if path != "/api/operation":
        return json_response({"code": 404, "error": "File Not Found", "message": "File Not Found"}, 404)
    try:
        given = json.loads(body)
        mode, reserve = str(given["real_mode"]), float(given["backup_reserve_percent"])
    except (ValueError, KeyError, TypeError):
        return json_response({"code": 400, "error": "bad request", "message": "operation"}, 400)
    device.writes.add(Write("operation", {"real_mode": mode, "backup_reserve_percent": reserve}))
    device.config["default_real_mode"] = mode
    device.config.setdefault("site_info", {})["backup_reserve_percent"] = reserve
    device.apply_config()
    return json_response({"real_mode": mode, "backup_reserve_percent": reserve})
