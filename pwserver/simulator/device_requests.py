"""Route the requests to one simulated device to the part of it that answers."""

from __future__ import annotations

from . import tedapi_requests, web_api_requests
from .faults import Fault
from .http_messages import Request, Response
from .simulated_device import DeviceAnswer, SimulatedDevice

_PORTAL = b"<!DOCTYPE html><html><head><title>Tesla Energy Gateway</title></head><body>simulated</body></html>"


def answer(device: SimulatedDevice, request: Request, fault: Fault) -> DeviceAnswer:
    """Answer one request, with faults of the content; the port simulates those of the connection."""
    with device.lock:
        path = request.path
        if path.startswith("/tedapi/"):
            return tedapi_requests.answer(device, request, fault)
        if path == "/api/login/Basic":
            return DeviceAnswer(web_api_requests.log_in(device, request), "login")
        if path == "/api/logout":
            return DeviceAnswer(Response(204), "logout")
        if path.startswith("/api/"):
            return DeviceAnswer(web_api_requests.answer(device, request, fault), path)
        if path == "/":
            portal = device.scenario.portal_status
            return DeviceAnswer(Response(portal, _PORTAL if portal == 200 else b"", "text/html"), "portal")
        return DeviceAnswer(Response(404, b"", "text/plain"), "unknown")
