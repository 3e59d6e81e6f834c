"""The certificate that a server shows."""

from __future__ import annotations

import ssl
from pathlib import Path

from .errors import CertificateRejected

__all__ = ["context_of"]


def context_of(certificate: Path, key: Path | None = None) -> ssl.SSLContext:
    """Return what TLS needs: version 1.2 or newer, with this certificate and those above it.

    The key may stand in the same file. Raises CertificateRejected.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key behind a password is refused: nobody sits there to type it.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # as are those of ssl
        reason = getattr(error, "strerror", None) or str(error)
        raise CertificateRejected(
            f"{certificate} and {key or certificate} are no certificate and its key: {reason}",
            hint="both are PEM files, the key without a password: --cert cert.pem --key key.pem",
        ) from error
    return context
