"""MQTT over TLS against a real mosquitto: wrong, expired and renewed certificates."""

from __future__ import annotations

import datetime
import gc
import ipaddress
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pwserver.mqtt.publisher import MqttPublisher
from tests.mqtt.broker import Broker
from tests.mqtt.test_mqtt_broker import run, settings_for

# paho lets go of a socket whose handshake failed without closing it; that none stays open is looked at below.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*SSL:pytest.PytestUnraisableExceptionWarning")


class Authority:
    """A certificate authority that signs certificates for brokers."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = self._sign(self.name, self.key, days=(-10, 10), authority=True)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: tuple[int, int],
        authority: bool = False,
        names: list[x509.GeneralName] | None = None,
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path, address: str = "127.0.0.1", days: tuple[int, int] = (-5, 5)) -> None:
        """Write ``broker.pem`` and ``broker.key`` for a broker at this address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(address))]
        (folder / "broker.pem").write_bytes(self._sign(subject, key, days, names=names))
        (folder / "broker.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


TROUBLES: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown authority": ("unable to get local issuer|self-signed|unknown CA|verify failed", {}),
    "wrong name": ("mismatch|not valid for", {"address": "192.0.2.7"}),
    "expired": ("expired", {"days": (-9, -2)}),
    "not valid yet": ("not yet valid", {"days": (2, 9)}),
}


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
def test_a_certificate_that_is_not_believed_is_told_once_and_works_when_renewed(
    trouble: str, make_broker, until, powerwall3, view_of, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "certificates"
    folder.mkdir()
    good = Authority("ours")
    (folder / "ca.pem").write_bytes(good.pem)
    words, changes = TROUBLES[trouble]
    (Authority("theirs") if trouble == "unknown authority" else good).write(folder, **changes)
    broker = make_broker(tls=folder)
    settings = settings_for(
        broker, tls=True, tls_ca_cert=str(folder / "ca.pem"), username="owner", password="CANARYWORD"
    )

    def complaints() -> list[str]:
        return [record.getMessage() for record in caplog.records if "next attempt" in record.getMessage()]

    def handshakes() -> list[str]:
        """The attempts as the broker saw them."""
        return re.findall("New connection from", (broker.folder / "log").read_text())

    async def main() -> None:
        publisher = MqttPublisher(settings)
        await publisher.start()
        publisher.publish(view_of(powerwall3))
        await until(lambda: complaints(), "nothing was told")
        mark = len(handshakes())
        await until(lambda: len(handshakes()) >= mark + 5, "no further attempts")
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        await until(lambda: len(handshakes()) >= mark + 15, "no further attempts")
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= before + 2, "attempts leave sockets behind"
        assert not publisher.connected and len(complaints()) == 1, complaints()
        assert re.search(words, complaints()[0]), complaints()[0]
        assert f"127.0.0.1:{broker.port}" in complaints()[0] and "CANARYWORD" not in caplog.text
        good.write(folder)
        broker.stop()
        broker.start()
        await until(lambda: publisher.connected, "it did not connect with the renewed certificate")
        # The authority is made anew as well: its file is read at every attempt.
        other = Authority("new ours")
        (folder / "ca.pem").write_bytes(other.pem)
        other.write(folder)
        broker.stop()
        await until(lambda: not publisher.connected)
        broker.start()
        await until(lambda: publisher.connected, "it did not connect with the new authority")
        # A file of authorities that is missing or damaged for a while ends nothing.
        (folder / "ca.pem").write_text("-----BEGIN NOTHING")
        broker.stop()
        await until(lambda: not publisher.connected)
        broker.start()
        mark = len(complaints())
        await until(lambda: len(complaints()) > mark or "PEM" in caplog.text or "X509" in caplog.text)
        assert not publisher.connected
        (folder / "ca.pem").write_bytes(other.pem)
        await until(lambda: publisher.connected, "it did not connect when the file was whole again")
        await publisher.stop()

    run(main())


def test_a_plain_broker_where_tls_is_wanted_and_the_other_way_round(
    make_broker, until, powerwall3, view_of, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority("ours")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    authority.write(tmp_path)
    cases: list[tuple[Broker, dict[str, Any]]] = [
        (make_broker(), {"tls": True, "tls_ca_cert": str(tmp_path / "ca.pem")}),
        (make_broker(tls=tmp_path), {"tls": False}),
    ]

    async def main() -> None:
        for broker, changes in cases:
            caplog.clear()
            publisher = MqttPublisher(settings_for(broker, **changes))
            await publisher.start()
            publisher.publish(view_of(powerwall3))
            await until(lambda: "next attempt" in caplog.text)
            assert not publisher.connected
            await publisher.stop()

    run(main())
