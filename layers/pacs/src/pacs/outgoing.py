"""How do we call an address that somebody else has named? One POST over https that nobody can turn against us.

A name is resolved once. Where one of its addresses is not of the public Internet, nothing is called; otherwise the
connection goes to the very address that was looked at, and TLS checks the certificate for the name. Redirects are
answers like any other, and proxies of the environment are not asked. Any port may be called: the certificate is
checked before the first word is said, so that nothing but a web server that is meant hears one. Asked by callbacks.
Source: RFC 9110 §15.4, RFC 6890; OWASP, "Server-Side Request Forgery Prevention"
"""

import http.client
import io
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from pacs.errors import NotConfigured

LIMIT_S = 10.0
ANSWER_MAX_BYTES = 1 << 16
ADDRESSES_MAX = 4
SEND_BYTES = 1 << 16
PORTS = {"https": 443, "http": 80}
HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+")
PATH_SAFE = "/%:@!$&'()*+,;=~?"

Failure = Literal["url", "not-public", "name", "connection", "certificate", "tls", "timeout", "too-large", "answer"]
# What we do not even try.
REFUSALS: tuple[Failure, ...] = ("url", "not-public")

# Python's `is_global` differs from version to version, and takes some of these for public. Source: IANA IPv4
# Special-Purpose Address Registry; RFC 7526 (6to4 relays); 168.63.129.16 is Azure's own door for machines.
NOT_PUBLIC = tuple(
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
# All of the public IPv6 lies in 2000::/3, without IPv4 in disguise (mapped, compatible and NAT64 lie elsewhere).
# Source: IANA IPv6 Special-Purpose Address Registry: Teredo, ORCHID and others; documentation; 6to4
PUBLIC_V6 = ip_network("2000::/3")
NOT_PUBLIC_V6 = tuple(ip_network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


@dataclass(frozen=True)
class Sent:
    """What became of a call: status and body of the whole answer and when to ask again, or why there is none."""

    took_ms: int
    status: int | None = None
    body: bytes = b""
    retry_after: str = ""
    failure: Failure | Literal[""] = ""


class Unsent(Exception):
    """A call that ends here, and why. Does not leave the module."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


# The first that fits.
FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (TimeoutError, "timeout"),
    (ssl.SSLCertVerificationError, "certificate"),
    (ssl.SSLError, "tls"),
    (socket.gaierror, "name"),
    (OSError, "connection"),
    (http.client.HTTPException, "answer"),
)


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet, which everybody may call."""
    try:
        told = ip_address(address)
    except ValueError:
        return False
    if isinstance(told, IPv4Address):
        return not any(told in network for network in NOT_PUBLIC)
    return is_public_v6(told)


def is_public_v6(address: IPv6Address) -> bool:
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


def origin_of(url: str) -> Origin:
    """Scheme, host and port of an address; ports are told even when they go without saying. Raises ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port if parts.port is not None else PORTS.get(parts.scheme, 0)
    host = host if ":" in host else host.encode("idna").decode()
    if parts.scheme not in PORTS or not HOST.fullmatch(host) or not port or "@" in parts.netloc:
        raise ValueError("an address has a scheme, a host and no user")
    return Origin(parts.scheme, host, port)


def parse_origins(text: str, field: str) -> frozenset[Origin]:
    """Origins joined by commas, as a setting tells them. Raises NotConfigured, naming the setting."""
    origins = set()
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            origin = origin_of(each)
        except ValueError:
            origin = None
        if origin is None or each.split("://", 1)[1] != urlsplit(each).netloc:
            raise NotConfigured(f"{field} lists origins such as http://127.0.0.1:9999", field=field)
        origins.add(origin)
    return frozenset(origins)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, the best first. Raises socket.gaierror."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def dial(address: str, port: int, timeout_s: float) -> socket.socket:
    """A connection to an address, which is no name. Raises OSError."""
    return socket.create_connection((address, port), timeout_s)


@cache
def trusted() -> ssl.SSLContext:
    """Certificates are checked against the authorities that this machine trusts; read once."""
    return ssl.create_default_context()


class Deadline:
    """When a whole call has to be over."""

    def __init__(self, limit_s: float) -> None:
        self.ends = time.monotonic() + limit_s

    def left_s(self) -> float:
        """Raises TimeoutError."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Line(io.RawIOBase):
    """A connection as http.client wants one, in which every wait ends with the deadline, and answers with a size."""

    def __init__(self, connected: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self.connected, self.deadline, self.max_bytes = connected, deadline, max_bytes
        self.received_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connected.settimeout(self.deadline.left_s())
        count = self.connected.recv_into(buffer)
        self.received_bytes += count
        if self.received_bytes > self.max_bytes:
            raise Unsent("too-large")
        return count

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self.connected.settimeout(self.deadline.left_s())
            left = left[self.connected.send(left[:SEND_BYTES]) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def close(self) -> None:
        """Nothing: who connected closes, and http.client reads on after it has closed."""


@dataclass(frozen=True)
class Door:
    """The way out. `allowed` origins may lie anywhere and may be http: for development. `limit_s` is for a whole call,
    `connect_s` for its beginning.
    """

    allowed: frozenset[Origin] = frozenset()
    limit_s: float = LIMIT_S
    connect_s: float = LIMIT_S
    answer_max_bytes: int = ANSWER_MAX_BYTES
    resolve: Callable[[str, int], Sequence[str]] = resolve
    dial: Callable[[str, int, float], socket.socket] = dial
    trusted: Callable[[], ssl.SSLContext] = trusted

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Call an address once. Whatever goes wrong there is told, not raised."""
        began = time.monotonic()
        try:
            status, answer, retry_after = self._call(url, body, headers)
        except Unsent as unsent:
            return Sent(elapsed_ms(began), failure=unsent.failure)
        except tuple(kind for kind, _ in FAILURES) as error:
            failure = next(failure for kind, failure in FAILURES if isinstance(error, kind))
            return Sent(elapsed_ms(began), failure=failure)
        return Sent(elapsed_ms(began), status, answer, retry_after)

    def _call(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
        try:
            origin, parts = origin_of(url), urlsplit(url)
            target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=PATH_SAFE)
        except ValueError as error:
            raise Unsent("url") from error
        if origin.scheme != "https" and origin not in self.allowed:
            raise Unsent("url")
        deadline = Deadline(self.limit_s)
        with self._connected(origin, deadline) as connected:
            call: Any = http.client.HTTPConnection(origin.host, origin.port)
            call.sock = Line(connected, deadline, self.answer_max_bytes)
            call.request("POST", target, body, {**headers, "Host": authority(origin), "Connection": "close"})
            answer = call.getresponse()
            return answer.status, answer.read(), answer.getheader("Retry-After", "")

    def _connected(self, origin: Origin, deadline: Deadline) -> socket.socket:
        """A connection that is safe to talk over. Raises Unsent, OSError."""
        addresses = within(lambda: self.resolve(origin.host, origin.port), deadline)
        if origin not in self.allowed and not all(is_public(each) for each in addresses):
            raise Unsent("not-public")
        plain = self._dialled(addresses[:ADDRESSES_MAX], origin.port, deadline)
        if origin.scheme == "http":
            return plain
        with plain:  # once TLS has taken it over, closing it does nothing
            plain.settimeout(deadline.left_s())
            return self.trusted().wrap_socket(plain, server_hostname=origin.host)

    def _dialled(self, addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
        """A connection to the first address that takes one; each has its part of the time. Raises OSError."""
        fault: OSError = socket.gaierror("no address")
        for count, address in enumerate(addresses):
            try:
                return self.dial(address, port, min(deadline.left_s(), self.connect_s) / (len(addresses) - count))
            except OSError as error:
                fault = error
        raise fault


def authority(origin: Origin) -> str:
    """What the Host header says. Source: RFC 9110 §7.2"""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == PORTS[origin.scheme] else f"{host}:{origin.port}"


def within(ask: Callable[[], Sequence[str]], deadline: Deadline) -> Sequence[str]:
    """What `ask` answers, unless it takes too long: the system's resolver has its own idea of patience."""
    answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except OSError as error:
            answers.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left_s())
    except queue.Empty as error:
        raise TimeoutError from error
    if isinstance(answer, OSError):
        raise answer
    return answer


def elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
