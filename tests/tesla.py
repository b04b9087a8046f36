"""Tesla's servers on loopback: a site to read, and writes that are noted and show in the site's information."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from pwserver.simulator.tls_context import make_certificate

SITE = 4321
DIN = "1232100-00-E--TG123456789ABC"
ROOT = f"api/1/energy_sites/{SITE}"


class Tesla:
    """Owner API and FleetAPI; over TLS when given a folder for the certificate. ``asked`` counts reads by path;
    ``status`` other than 200 is given to all of them. ``posts``: (path below the site, body). ``mute``: posts are
    carried out and never answered; ``deny``: they are answered with this status. ``said`` is what a request is answered
    with instead, by path (or ``*``): status, body, headers. ``history`` answers ``calendar_history``, given its
    parameters, which ``history_asked`` collects. ``accepted``: the one access token that is not answered with 401;
    ``renewed``: status and body of a renewal, counted in ``renewals``.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.status, self.headers = 200, dict[str, str]()
        self.asked: Counter[str] = Counter()
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.mute = threading.Event()
        self.unmuted = threading.Event()
        self.deny = 0
        self.said: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.accepted: str | None = None
        self.renewed: tuple[int, dict[str, Any]] = (401, {"error": "login_required"})
        self.renewals = 0
        self.tokens_seen: list[str] = []  # the refresh tokens of renewals
        self.history: Callable[[dict[str, str]], Any] | None = None
        self.history_asked: list[dict[str, str]] = []
        self.answer_to_posts: Any = {"response": {"code": 201, "message": "Updated"}}
        self.info: dict[str, Any] = {
            "id": DIN,
            "site_name": "Cloud House",
            "backup_reserve_percent": 20,
            "default_real_mode": "autonomous",
            "version": "26.2.1 abc",
            "battery_count": 2,
            "nameplate_power": 10000,
            "nameplate_energy": 27000,
            "installation_time_zone": "UTC",
            "components": {"solar": True, "gateway": "teg"},
            "tariff_content": {"code": "T"},
        }
        live = {
            "solar_power": 1290,
            "battery_power": -220,
            "load_power": 1070,
            "grid_power": 0,
            "grid_status": "Active",
            "island_status": "on_grid",
            "grid_services_active": False,
            "timestamp": "2026-01-01T00:00:00Z",
            "percentage_charged": 80.0,
            "energy_left": 21000,
            "total_pack_energy": 26000,
        }
        product = {"resource_type": "battery", "energy_site_id": SITE, "site_name": "Cloud House", "id": DIN}
        product["gateway_id"] = DIN
        self.answers: dict[str, Any] = {
            "api/1/products": [product],
            f"{ROOT}/live_status": live,
            f"{ROOT}/site_status": {
                name: live[name] for name in ("percentage_charged", "total_pack_energy", "energy_left")
            },
            f"{ROOT}/site_info": self.info,
            f"{ROOT}/backup_time_remaining": {"time_remaining_hours": 7.5},
            f"{ROOT}/tariff_rate": {"code": "SCE"},
        }
        tesla = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.split("?")[0].strip("/")
                tesla.asked[path] += 1
                if self._said_otherwise(path):
                    return
                found = tesla.answers.get(path)
                if path == f"{ROOT}/calendar_history" and tesla.history is not None:
                    parameters = dict(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
                    tesla.history_asked.append(parameters)
                    found = tesla.history(parameters)
                    self._send(200, found)
                    return
                self._send(tesla.status if found is not None else 404, found)

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"]))
                if self.path.strip("/") == "oauth2/v3/token":
                    tesla.renewals += 1
                    tesla.tokens_seen += parse_qs(sent.decode()).get("refresh_token", [])
                    status, found = tesla.renewed
                    self._write(status, json.dumps(found).encode(), {"Content-Type": "application/json"})
                    return
                if self._said_otherwise(self.path.strip("/")):
                    return
                body = json.loads(sent or b"{}")
                path = self.path.strip("/").removeprefix(ROOT + "/")
                if tesla.deny:
                    self._send(tesla.deny, {"reason": "no"})
                    return
                tesla.posts.append((path, body))
                tesla.carry_out(path, body)
                if tesla.mute.is_set():
                    tesla.unmuted.wait(30)
                    self.close_connection = True
                    return
                body = json.dumps(tesla.answer_to_posts).encode()
                self._write(200, body, {"Content-Type": "application/json"})

            def _said_otherwise(self, path: str) -> bool:
                said = tesla.said.get(path) or tesla.said.get("*")
                if said is None and tesla.accepted is not None:
                    if self.headers.get("authorization") == f"Bearer {tesla.accepted}":
                        return False
                    said = 401, b'{"error":"token expired (401)"}', {}
                if said is None:
                    return False
                self._write(*said)
                return True

            def _send(self, status: int, response: Any) -> None:
                body = json.dumps({"response": response}).encode()
                self._write(status, body, {"Content-Type": "application/json"} | tesla.headers)

            def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        if folder is not None:
            self.bundle = self._speak_tls(folder)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Tesla:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unmuted.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _speak_tls(self, folder: Path) -> Path:
        """Serve over TLS from now on; the file that makes a client believe it."""
        certificate, key = make_certificate()
        both, bundle = folder / "both.pem", folder / "tesla.pem"
        both.write_bytes(certificate + key)
        bundle.write_bytes(certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")
        return bundle

    def carry_out(self, path: str, body: dict[str, Any]) -> None:
        """Let it show."""
        if path == "backup":
            self.info["backup_reserve_percent"] = body["backup_reserve_percent"]
        elif path == "operation":
            self.info["default_real_mode"] = body["default_real_mode"]
        elif path == "grid_import_export":
            self.info["components"].update(body)
        elif path == "time_of_use_settings":
            self.info["tariff_content"] = {"code": body["tou_settings"]["tariff_content_v2"].get("code")}

    def fleet_login(self, folder: Path) -> Path:
        """Write the file that FleetAPI mode reads, leading here."""
        names = ["CLIENT_ID", "CLIENT_SECRET", "DOMAIN", "REDIRECT_URI", "partner_token"]
        names += ["access_token", "refresh_token"]
        content: dict[str, Any] = dict.fromkeys(names, "CANARYTOKEN")
        content |= {"AUDIENCE": self.url, "site_id": SITE, "partner_account": {}}
        (folder / ".pypowerwall.fleetapi").write_text(json.dumps(content))
        return folder

    def cloud_login(self, folder: Path) -> Path:
        """Write the file that cloud mode reads."""
        token = {"access_token": "CANARYTOKEN", "refresh_token": "CANARYREFRESH", "expires_at": time.time() + 3600}
        login = {"owner@example.com": {"url": self.url + "/", "sso": token}}
        (folder / ".pypowerwall.auth").write_text(json.dumps(login))
        return folder
