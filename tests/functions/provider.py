"""An OpenID provider as the standard has it, small but real: HTTP, RSA keys, PKCE, codes that are good once.

Source: OpenID Connect Core 1.0 §3.1; RFC 7636 §4.6
"""

import hashlib
import json
import secrets
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "bulut pacs", "s:e/cret"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def first_key() -> tuple[str, rsa.RSAPrivateKey]:
    return "first", new_key()


@dataclass
class OpenIdProvider:
    """`person` are the claims of whoever sits at the browser; None refuses. `changes` are made to every token."""

    clock: Any
    port: int = 0
    person: dict[str, Any] | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    signer: tuple[str, rsa.RSAPrivateKey] = field(default_factory=first_key)
    published: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    secret: str = SECRET
    forge: tuple[str, str] = ("", "")  # algorithm and key of tokens that are not signed with ours

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rotate(self, kid: str) -> None:
        """Sign with a new key, and publish it instead of the old one."""
        self.signer = (kid, new_key())
        self.published = dict([self.signer])

    def configuration(self) -> dict[str, Any]:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{path}" for name, path in names.items()}}

    def jwks(self) -> dict[str, Any]:
        keys = (self.published or dict([self.signer])).items()
        public = {kid: json.loads(RSAAlgorithm.to_jwk(key.public_key())) for kid, key in keys}
        return {"keys": [{**jwk, "kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in public.items()]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where a browser is led when whoever sits there has been let in, or not."""
        assert query["client_id"] == CLIENT and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        told = {"state": query["state"], "iss": self.issuer}
        if self.person is None:
            return f"{query['redirect_uri']}?{urlencode({**told, 'error': 'access_denied'})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({**told, 'code': code})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token of a code, for the client that it was made for."""
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = asked and urlsafe_b64encode(challenge).decode().rstrip("=") == asked["code_challenge"]
        if self.secret:
            name, _, told = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            proved = proved and (unquote(name), unquote(told)) == (CLIENT, self.secret)
        if not asked or not proved or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.clock.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        kid, key = self.signer
        made = {**claims, **(self.person or {}), **self.changes}
        algorithm, forged = self.forge
        if algorithm:
            token = jwt.encode(made, forged, algorithm, headers={"kid": kid})
        else:
            token = jwt.encode(made, key, "RS256", headers={"kid": kid})
        return 200, {"token_type": "Bearer", "id_token": token}


def handler_of(provider: OpenIdProvider) -> type[BaseHTTPRequestHandler]:
    """What answers for a provider."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if parts.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
            elif parts.path == "/.well-known/openid-configuration":
                self.tell(200, provider.configuration())
            else:
                self.tell(200, provider.jwks())

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.tell(*provider.token(form, self.headers.get("authorization", "")))

        def tell(self, status: int, body: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    return Handler


@contextmanager
def serving(provider: OpenIdProvider) -> Iterator[OpenIdProvider]:
    """Let a provider answer over HTTP."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(provider))
    provider.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
