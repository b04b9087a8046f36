"""Check and answer signed requests (/tedapi/v1r), which carry an RSA signature over their content."""

from __future__ import annotations

import functools
import struct
import time
from dataclasses import field

from pwserver.records import record

from . import protobuf
from .protobuf import Fields, WireError, blob, integer

ENERGY_DEVICE = 7  # the domain of gateways in Tesla's signed messages; vehicles have others
# Codes by which the gateway names a fault in its answer.
UNKNOWN_KEY, BAD_SIGNATURE, INVALID_DOMAIN, DECODING, WRONG_PERSONALIZATION, EXPIRED = 3, 5, 8, 10, 12, 17


@record(frozen=True, slots=True)
class Checked:
    """Holds a request whose signature is good."""

    envelope: Fields
    uuid: bytes


@record(slots=True)
class SignedTransport:
    """Checks signed requests against the registered keys."""

    keys: dict[bytes, bool] = field(default_factory=dict)  # public key (PKCS#1 DER) -> the owner has confirmed it
    seen: dict[bytes, int] = field(default_factory=dict)  # uuid -> how often it was received; the last 1000

    def check(self, body: bytes, din: str) -> Checked | bytes:
        """Return the checked request, or the bytes of a refusal."""
        try:
            message = protobuf.decode(body)
            inner = protobuf.raw(message, 10) or b""
            key = protobuf.raw(message, 13, 1, 1) or b""
            expires = protobuf.number(message, 13, 7, 1) or 0
            signature = protobuf.raw(message, 13, 7, 2) or b""
            uuid = protobuf.raw(message, 51) or b""
            domain = protobuf.number(message, 6, 1)
            envelope = protobuf.decode(inner)
        except WireError:
            return self._message(b"", b"", DECODING)
        checked = Checked(envelope, uuid)
        self.seen[uuid] = self.seen.get(uuid, 0) + 1
        while len(self.seen) > 1000:
            del self.seen[next(iter(self.seen))]
        if domain != ENERGY_DEVICE:
            return self.fault(checked, INVALID_DOMAIN)
        if key not in self.keys:
            return self.fault(checked, UNKNOWN_KEY)
        if expires < time.time():
            return self.fault(checked, EXPIRED)
        if not _signature_ok(key, signature, din, expires, inner):
            return self.fault(checked, BAD_SIGNATURE)
        if not self.keys[key]:
            return self._message(uuid, b"v1r: client authorization not verified", 0)
        return checked

    def reply(self, request: Checked, envelope: bytes) -> bytes:
        """Return the signed answer around an envelope."""
        return self._message(request.uuid, envelope, 0)

    def fault(self, request: Checked, code: int) -> bytes:
        """Return the answer that names a fault."""
        return self._message(request.uuid, b"", code)

    @staticmethod
    def _message(uuid: bytes, inner: bytes, code: int) -> bytes:
        source = blob(7, integer(1, ENERGY_DEVICE))
        return source + (blob(10, inner) if inner else b"") + blob(12, integer(1, code)) + blob(50, uuid)


def _signature_ok(key: bytes, signature: bytes, din: str, expires: int, inner: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    def entry(tag: int, value: bytes) -> bytes:
        return bytes((tag, len(value))) + value

    # What is signed: tagged metadata (signature type, domain, DIN, expiry), an end mark, then the request itself.
    signed = (
        entry(0, bytes((7,)))
        + entry(1, bytes((ENERGY_DEVICE,)))
        + entry(2, din.encode())
        + entry(4, struct.pack(">I", expires))
        + b"\xff"
        + inner
    )
    public = serialization.load_der_public_key(key)
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA512())
    except InvalidSignature:
        return False
    return True


def make_key(bits: int = 2048) -> tuple[bytes, bytes]:
    """Return a new (private key PEM, public key PKCS#1 DER)."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


@functools.lru_cache(maxsize=1)
def own_key() -> bytes:
    """Return the private key (PEM) of all gateways of this process that are given none: to make one takes long."""
    return make_key()[0]


@functools.lru_cache(maxsize=16)
def public_key_of(pem: bytes) -> bytes:
    """Return the public key (PKCS#1 DER) of a private key in PEM, which is checked. Raises ValueError."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, password=None)
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
