"""Serve the control port of a simulator that runs as a program, where tests read the truth and switch faults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from pwserver.json_types import JsonObject

from .faults import KINDS, Fault
from .http_messages import Request, Response, json_response
from .simulated_gateway import SimulatedGateway

HELP = """GET  /state               truth, writes and request counts of every gateway, by name
GET  /state/NAME          of one
GET  /faults              the kinds of faults
POST /fault               {"kind": "silent", "gateway": "NAME"}; without gateway all of them
POST /house               {"gateway": "NAME", "grid_outage": true, "fixed_solar": 0, "soe_percent": 50}
POST /alert               {"gateway": "NAME", "name": "SomeAlert", "serial": "site", "active": true}
POST /forget              all logins expire, request counts and writes start again
"""


class ControlPort:
    """Answers the requests to the control port; ``gateways`` by the names used in the paths."""

    def __init__(self, gateways: Mapping[str, SimulatedGateway]) -> None:
        self.gateways = gateways

    def state(self, name: str) -> JsonObject:
        """Return everything that is known about one gateway."""
        gateway = self.gateways[name]
        log = gateway.requests
        return {
            "address": gateway.address,
            "scenario": gateway.scenario.name,
            "truth": gateway.truth(),
            "fault": gateway.fault_now,
            "writes": [asdict(write) for write in gateway.writes],
            "requests": {
                "total": log.total,
                "connections": log.connections,
                "per_minute": log.per_minute(),
                "by_path": dict(log.by_path),
                "by_about": dict(log.by_about),
            },
        }

    def answer(self, request: Request, fault: Fault) -> tuple[Response, str]:
        """Answer one request to the control port."""
        try:
            return self._answer(request), request.path
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return json_response({"error": str(error)}, 400), request.path

    def _answer(self, request: Request) -> Response:
        path = request.path
        if request.method in ("GET", "HEAD"):
            if path == "/state":
                return json_response({name: self.state(name) for name in self.gateways})
            if path.startswith("/state/"):
                name = path.removeprefix("/state/")
                if name not in self.gateways:
                    return json_response({"error": f"no gateway {name!r}"}, 404)
                return json_response(self.state(name))
            if path == "/faults":
                return json_response(KINDS)
            return Response(200 if path == "/" else 404, HELP.encode(), "text/plain; charset=utf-8")
        given = json.loads(request.body or b"{}")
        if not isinstance(given, dict):
            raise ValueError("the body must be a JSON object")
        name = given.pop("gateway", None)
        if name is not None and name not in self.gateways:
            return json_response({"error": f"no gateway {name!r}"}, 404)
        chosen = list(self.gateways.values()) if name is None else [self.gateways[name]]
        for gateway in chosen:
            if path == "/fault":
                gateway.fault_soon(Fault.parse(given or "none"))
            elif path == "/house":
                gateway.set_house(**given)
            elif path == "/alert":
                change = gateway.raise_alert if given.get("active", True) else gateway.clear_alert
                change(str(given["name"]), str(given.get("serial", "site")))
            elif path == "/forget":
                gateway.forget()
            else:
                return json_response({"error": "no such path"}, 404)
        return json_response({"ok": True, "gateways": len(chosen)})
