"""The vault: keyed hashes and sealed bytes, both from FLIT_KEY.

What belongs here: key derivation, references, sealing. What does not: where sealed bytes are kept (ledger,
staging) and who may see them. Pure: no I/O, no environment.
"""

import hmac
import json
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from flit_pipeline.errors import IdentityMismatch, SettingsError

KEY_BYTES = 32
REF_HEX = 24  # 96 bits: 10^6 refs collide with probability 10^-17


class Vault:
    """Derives one subkey per purpose from the 32-byte master key given as 64 hex digits.

    Raises SettingsError when the key is not 64 hex digits.
    """

    def __init__(self, key_hex: str) -> None:
        try:
            master = bytes.fromhex(key_hex.strip())
        except ValueError:
            master = b""
        if len(master) != KEY_BYTES:
            raise SettingsError(
                "FLIT_KEY is not a key of 32 bytes",
                remedy="set FLIT_KEY to 64 hex digits, e.g. from `openssl rand -hex 32`",
            ) from None
        self._ref_key = _derive(master, b"flit/ref")
        self._aead = AESGCM(_derive(master, b"flit/seal"))
        self._nonce_key = _derive(master, b"flit/nonce")
        self.staging_key = _derive(master, b"flit/staging")
        self.audit_key = _derive(master, b"flit/audit")

    def ref(self, source_key: str) -> str:
        """Keyed hash that stands for a source key in logs, messages and the ledger (24 hex digits)."""
        return hmac.digest(self._ref_key, source_key.encode(), "sha256").hex()[:REF_HEX]

    def digest(self, payload: bytes) -> str:
        """Keyed content hash (a plain one would let a birth date be guessed from the ledger)."""
        return hmac.digest(self._ref_key, b"digest:" + payload, "sha256").hex()[:32]

    def seal(self, payload: Any) -> bytes:
        """JSON value to AES-GCM bytes.

        The nonce is a keyed hash of the content: no nonce ever serves two contents.
        """
        clear = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode(
            "utf-8", "surrogatepass"
        )
        nonce = hmac.digest(self._nonce_key, clear, "sha256")[:12]
        return nonce + self._aead.encrypt(nonce, clear, None)

    def open(self, sealed: bytes) -> Any:
        """Inverse of ``seal``. Raises IdentityMismatch when the bytes were sealed with another key or damaged."""
        try:
            clear = self._aead.decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            raise IdentityMismatch(
                "a sealed value was opened",
                remedy="use the FLIT_KEY this FLIT_HOME was made with, or restore the ledger from its backup",
            ) from None
        return json.loads(clear.decode("utf-8", "surrogatepass"))


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(master)
