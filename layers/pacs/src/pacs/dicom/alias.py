"""What are UIDs and patients called to those who may not know whose images they see? Asked by deidentify and archive.

Source: PS3.15 §E.1.1 (UIDs are replaced consistently), PS3.5 §B.2, RFC 9562 §5.8
"""

import hmac
from dataclasses import dataclass

VERSION, VARIANT = 0x8 << 76, 0x2 << 62
UNMARKED = ~(0xF << 76 | 0x3 << 62)


@dataclass(frozen=True)
class Alias:
    """What UIDs and patients are called to strangers; without the key nobody knows which is which."""

    key: bytes

    def uid(self, uid: str) -> str:
        """The same for the same UID: a UUID of our own making. Source: PS3.5 §B.2"""
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        return f"2.25.{number & UNMARKED | VERSION | VARIANT}"

    def patient(self, patient_id: str) -> str:
        return self._digest("patient", patient_id).hex()[:16]

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.key, f"{kind} {text}".encode(), "sha256")
