"""Who may read or write an object of one machine without a token? Who holds an address that the store has signed.

What S3 does with presigned URLs; `infra.local.edge` answers at these addresses.
"""

import hashlib
import hmac
import json
import time
from urllib.parse import quote, urlencode

from pacs.errors import Forbidden
from pacs.ports import PresignedPost


class Presigner:
    """Signs addresses of one store's objects, and tells its own from others'."""

    def __init__(self, url_base: str, store: str, key: bytes) -> None:
        self._base = f"{url_base}/objects/{store}/"
        self._store = store
        self._key = key

    def get(self, key: str, *, expires_s: int, content_type: str) -> str:
        expires = int(time.time()) + expires_s
        signature = self._signature("GET", key, expires, content_type)
        query = {"expires": expires, "content_type": content_type, "signature": signature}
        return f"{self._base}{quote(key)}?{urlencode(query)}"

    def post(self, key: str, *, expires_s: int, least_bytes: int, most_bytes: int) -> PresignedPost:
        expires = int(time.time()) + expires_s
        sizes = f"{least_bytes}-{most_bytes}"
        query = {"expires": expires, "sizes": sizes, "signature": self._signature("POST", key, expires, sizes)}
        return PresignedPost(f"{self._base}{quote(key)}?{urlencode(query)}", {})

    def verify(self, method: str, key: str, expires: int, signed: str, signature: str) -> None:
        """Raises Forbidden when an address is over, or was not made by us for exactly this.

        `signed`: the content type of a GET, the sizes of a POST.
        """
        genuine = self._signature(method, key, expires, signed)
        if not hmac.compare_digest(genuine.encode(), signature.encode(errors="replace")) or time.time() >= expires:
            raise Forbidden("the link has expired or is not genuine")

    def _signature(self, method: str, key: str, expires: int, signed: str) -> str:
        words = json.dumps([method, self._store, key, expires, signed]).encode()
        return hmac.new(self._key, words, hashlib.sha256).hexdigest()
