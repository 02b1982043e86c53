"""Secrets that we must be able to read again lie sealed in the database: AES-256-GCM with keys that it does not hold.

A sealed text says its key and opens only for the purpose that it was sealed for, so that none can be put into another
row. Source: NIST SP 800-38D.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Sequence

from pacs.errors import NotConfigured
from pacs.ports import SigningKey

NONCE_BYTES = 12


def seal(keys: Sequence[SigningKey], text: str, purpose: str) -> str:
    """A secret as it may be kept; `keys` are those of `Secrets.sealing_keys`, and the first one seals."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 40 modules, which most calls do without

    nonce = secrets.token_bytes(NONCE_BYTES)
    hidden = nonce + AESGCM(keys[0].secret).encrypt(nonce, text.encode(), purpose.encode())
    return f"{keys[0].kid}.{urlsafe_b64encode(hidden).decode()}"


def unseal(keys: Sequence[SigningKey], sealed: str, purpose: str) -> str:
    """The secret again. Raises NotConfigured: its key is gone, or this is not what was sealed for the purpose."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kid, _, told = sealed.partition(".")
    key = next((each for each in keys if each.kid == kid), None)
    if key is None:
        raise NotConfigured("the key of what was sealed is not in use", field="sealing_keys")
    try:
        hidden = urlsafe_b64decode(told)
        text = AESGCM(key.secret).decrypt(hidden[:NONCE_BYTES], hidden[NONCE_BYTES:], purpose.encode())
    except (InvalidTag, NoBase64, ValueError) as error:
        raise NotConfigured("what was sealed does not open", field="sealing_keys") from error
    return text.decode()
