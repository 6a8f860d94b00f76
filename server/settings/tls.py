"""The certificate that this server shows, if it speaks TLS itself."""

import ssl
from pathlib import Path


def context(cert: Path, key: Path) -> ssl.SSLContext:
    """What a listener needs; TLS 1.2 at least.

    Raises:
        OSError, ssl.SSLError: The files cannot be read, are no certificate and key in PEM, or
            do not belong together.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    # A key with a passphrase would have OpenSSL ask for it at the terminal.
    made.load_cert_chain(cert, key, password="")
    return made


def problems(cert: Path | None, key: Path | None, use_tls: str) -> list[str]:
    """What is wrong with these settings; nothing if both files are there and fit, or none is.

    Args:
        use_tls: `USE_TLS` of other servers, as it is written.
    """
    wants_tls = use_tls.strip().lower() in {"true", "1", "yes", "on"}
    if wants_tls and not cert and not key:
        return ["USE_TLS: there is no certificate. Set TLS_CERT and TLS_KEY, or remove it."]
    if use_tls.strip() and not wants_tls and cert:
        return ["USE_TLS: it is off, but TLS_CERT is set. Remove one of them."]
    if cert and not key:
        return ["TLS_KEY: TLS_CERT is set, but its key is missing. Set both, or none."]
    if key and not cert:
        return ["TLS_CERT: TLS_KEY is set, but its certificate is missing. Set both, or none."]
    if not cert or not key:
        return []
    try:
        context(cert, key)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no PEM"
        files = f"{str(cert)!r} with TLS_KEY {str(key)!r}"
        way_out = "Name a certificate chain and its own key without a passphrase, both in PEM."
        return [f"TLS_CERT: {files} cannot be used ({reason}). {way_out}"]
    return []
