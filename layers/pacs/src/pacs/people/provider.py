"""What an OpenID provider publishes and answers: its endpoints, its keys, tokens for a code. Asked by oidc.

Endpoints are believed for an hour. For a key that is not known the keys are read again, for providers change them; who
names one that nobody has makes us ask once in a minute. Source: OpenID Connect Discovery 1.0 §4; RFC 7517
"""

import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pacs.errors import NotConfigured, ProviderRefused, Unavailable

TIMEOUT_S = 8.0  # API Gateway waits for 29 seconds, and there are three calls at most
ANSWER_MAX_BYTES = 1 << 20
ENDPOINTS_S, MISSED_S = 3600.0, 60.0
# Signatures alone: a secret that both know (HS256) would let everybody who knows it vouch.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Provider:
    """One provider, as far as this process knows it."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._published: Mapping[str, Any] = {}
        self._read_at = self._missed_at = -ENDPOINTS_S
        self._keys: list[Mapping[str, Any]] = []

    def endpoint(self, name: str) -> str:
        """The address of an endpoint. Raises Unavailable, NotConfigured for a provider that is not what it says."""
        if time.monotonic() >= self._read_at + ENDPOINTS_S or not self._published:
            published = self._call("GET", self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if published.get("issuer") != self.issuer:
                raise NotConfigured("the provider calls itself something else", field="PACS_OIDC_ISSUER")
            self._published, self._read_at = published, time.monotonic()
        return secure(str(self._published.get(name, "")))

    def exchange(self, form: Mapping[str, str], client_id: str, client_secret: str) -> Mapping[str, Any]:
        """Tokens for a code. Raises ProviderRefused when the provider knows no such code, Unavailable.

        Source: RFC 6749 §4.1.3, §2.3.1
        """
        address = self.endpoint("token_endpoint")
        sent, headers = {**form, "client_id": client_id}, {}
        if client_secret:
            ways = self._published.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            if "client_secret_basic" in ways:
                pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
                headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
            else:
                sent["client_secret"] = client_secret
        return self._call("POST", address, data=sent, headers=headers)

    def verified(self, token: str, client_id: str) -> Mapping[str, Any]:
        """The claims of a token that the provider has signed for us. Whether it has expired is not looked at.

        Raises ProviderRefused, Unavailable.
        """
        import jwt  # and cryptography with it, which only those who come by the provider need

        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg", "")
            if algorithm not in ALGORITHMS:
                raise ProviderRefused("the provider's word is not signed as we need it")
            key = jwt.PyJWK(dict(self._key(header.get("kid"))), algorithm)
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=client_id,
                issuer=self.issuer,
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError as error:
            raise ProviderRefused("the provider's word does not verify") from error
        return claims

    def _key(self, kid: Any) -> Mapping[str, Any]:
        found = named(self._keys, kid)
        if found is None and time.monotonic() >= self._missed_at + MISSED_S:
            self._keys = list(self._call("GET", self.endpoint("jwks_uri")).get("keys", []))
            found = named(self._keys, kid)
        if found is None:
            self._missed_at = time.monotonic()
            raise ProviderRefused("the provider's word is signed with a key that it does not publish")
        return found

    def _call(self, method: str, address: str, **sent: Any) -> Mapping[str, Any]:
        import httpx2  # 120 modules, which only those who come by the provider need

        try:
            with httpx2.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
                answer = client.request(method, secure(address), **sent)
            if method == "POST" and answer.status_code in (400, 401):
                raise ProviderRefused("the provider does not take the code")
            body = answer.json() if len(answer.content) <= ANSWER_MAX_BYTES else None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise Unavailable("the provider does not answer") from error
        if answer.status_code != 200 or not isinstance(body, dict):
            raise Unavailable("the provider answers something else")
        return body


def named(keys: list[Mapping[str, Any]], kid: Any) -> Mapping[str, Any] | None:
    """The key of a name; without a name the only one there is."""
    signing = [each for each in keys if each.get("use", "sig") == "sig"]
    if kid is None:
        return signing[0] if len(signing) == 1 else None
    return next((each for each in signing if each.get("kid") == kid), None)


def secure(address: str) -> str:
    """An address that nobody listens to on the way. Raises NotConfigured."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return address
    raise NotConfigured("a provider is asked by https alone", field="PACS_OIDC_ISSUER")
