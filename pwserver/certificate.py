"""Make a certificate signed by its own key, for the server's HTTPS and for simulated gateways; real ones do so, too."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable

# The clock may be wrong when the certificate is made: it must be valid once the clock is right.
_MADE_SINCE = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def self_signed(subject: str, names: Iterable[str], addresses: Iterable[str], days: int) -> tuple[bytes, bytes]:
    """Make a fresh (certificate PEM, key PEM) of a server with these names and addresses."""
    # Imported late: neither main nor the workers keep the memory of this library.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    alternatives: list[x509.GeneralName] = [x509.DNSName(each) for each in names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, _MADE_SINCE))
        .not_valid_after(max(now, _MADE_SINCE) + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
