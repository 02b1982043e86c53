"""The way out: which addresses are called, that it is the one which was looked at, and that nobody keeps us waiting."""

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from pacs.errors import NotConfigured
from pacs.outgoing import ANSWER_MAX_BYTES, Door, is_public, origin_of, parse_origins, resolve
from tests.dictation.receiver import OK, PUBLIC, Authority, Internet, Receiver, answer, receiving

NAME = "hbys.example.org"
URL = f"https://{NAME}/raportai/callback?merkez=3"
BODY = '{"status":"completed","reportText":"Pnömotoraks yok"}'.encode()

NOT_PUBLIC = {
    "this network": "0.0.0.0",
    "private A": "10.1.2.3",
    "carrier-grade NAT": "100.64.0.1",
    "metadata of Alibaba": "100.100.100.200",
    "loopback": "127.0.0.1",
    "loopback, another": "127.8.9.1",
    "link-local, metadata": "169.254.169.254",
    "metadata of containers": "169.254.170.2",
    "private B": "172.31.255.255",
    "IETF, metadata of Oracle": "192.0.0.192",
    "documentation 1": "192.0.2.1",
    "6to4 relay": "192.88.99.1",
    "private C": "192.168.1.1",
    "benchmarking": "198.19.0.1",
    "documentation 2": "198.51.100.7",
    "documentation 3": "203.0.113.7",
    "multicast": "224.0.0.251",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "metadata of Azure": "168.63.129.16",
    "v6 unspecified": "::",
    "v6 loopback": "::1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped public": "::ffff:93.184.215.14",
    "IPv4-compatible": "::7f00:1",
    "IPv4-translated": "::ffff:0:7f00:1",
    "NAT64 of loopback": "64:ff9b::7f00:1",
    "NAT64, local": "64:ff9b:1::1",
    "discard": "100::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "v6 benchmarking": "2001:2::1",
    "ORCHIDv2": "2001:20::1",
    "v6 documentation": "2001:db8::1",
    "6to4 of private": "2002:a00:1::1",
    "v6 documentation, new": "3fff::1",
    "segment routing": "5f00::1",
    "unique local": "fc00::1",
    "metadata of Amazon": "fd00:ec2::254",
    "v6 link-local": "fe80::1",
    "v6 link-local of a link": "fe80::1%eth0",
    "site-local": "fec0::1",
    "v6 multicast": "ff02::1",
    "no address at all": "hbys",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def listening(authority: Authority) -> Iterator[Receiver]:
    with receiving(authority.server(NAME)) as receiver:
        yield receiver


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.answers, listening.heard, listening.connections = [OK], [], 0
    return listening


@pytest.fixture
def internet(receiver: Receiver) -> Internet:
    return Internet(receiver)


@pytest.fixture
def door(internet: Internet, authority: Authority) -> Door:
    trusted = authority.client()
    return Door(limit_s=5, resolve=internet.resolve, dial=internet.dial, trusted=lambda: trusted)


@pytest.fixture
def hasty(door: Door) -> Door:
    return replace(door, limit_s=0.3)


def test_a_call_says_what_it_was_given_and_hears_the_answer(door: Door, receiver: Receiver) -> None:
    sent = door.post(URL, BODY, {"Content-Type": "application/json", "X-RaportAI-Signature": "ab"})
    assert (sent.status, sent.body, sent.failure) == (200, b"ok", "")
    assert receiver.heard[-1].startswith(b"POST /raportai/callback?merkez=3 HTTP/1.1\r\n")
    assert receiver.body == BODY
    assert receiver.headers["host"] == NAME and receiver.headers["content-length"] == str(len(BODY))
    assert receiver.headers["x-raportai-signature"] == "ab"


def test_a_large_body_arrives_whole(door: Door, receiver: Receiver) -> None:
    assert door.post(URL, b"x" * 3_000_000, {}).status == 200
    assert receiver.body == b"x" * 3_000_000


@pytest.mark.parametrize(
    ("url", "host", "line"),
    [
        (f"https://{NAME}", NAME, "POST / HTTP/1.1"),
        (f"https://{NAME.upper()}:8443/A%20b/ş?q=ı é#part", f"{NAME}:8443", "POST /A%20b/%C5%9F?q=%C4%B1%20%C3%A9 "),
    ],
)
def test_any_port_and_any_path_are_called(
    door: Door, internet: Internet, receiver: Receiver, url: str, host: str, line: str
) -> None:
    assert door.post(url, b"", {}).status == 200
    assert internet.dialled == [(PUBLIC, origin_of(url).port)]
    assert receiver.headers["host"] == host and receiver.heard[-1].startswith(line.encode())


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_what_is_not_public_is_not_called(door: Door, internet: Internet, address: str) -> None:
    assert not is_public(address)
    for told in ([address], [PUBLIC, address]):
        internet.addresses = [told]
        assert door.post(URL, BODY, {}).failure == "not-public"
    assert internet.dialled == []


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "100.63.255.255", "172.32.0.1", "2a00:1450:4017:80b::200e"])
def test_what_is_public_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]", "localhost"]
)
def test_the_loopback_is_known_however_it_is_written(door: Door, internet: Internet, host: str) -> None:
    real = replace(door, resolve=resolve)
    assert real.post(f"https://{host}:{internet.receiver.port}/", BODY, {}).failure in ("not-public", "name")
    assert internet.dialled == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://{NAME}/",
        f"ftp://{NAME}/",
        "https://",
        "https:///path",
        f"https://user:word@{NAME}/",
        f"https://{NAME}:0/",
        f"https://{NAME}:65536/",
        f"https://{NAME}\\@127.0.0.1/",
        "https://a b/",
        "https://a\x00b/",
        "https://[fe80::1%25eth0]/",
        f"https://{'a' * 64}.org/",
        f"https://{NAME}/\ud800",
        "//hbys.example.org/",
        "",
    ],
)
def test_what_is_no_plain_https_address_is_not_called(door: Door, internet: Internet, url: str) -> None:
    assert door.post(url, BODY, {}).failure == "url"
    assert internet.resolved == 0


def test_a_name_is_resolved_once_and_what_was_looked_at_is_called(door: Door, internet: Internet) -> None:
    """DNS that answers differently the second time is not asked a second time."""
    internet.addresses = [[PUBLIC], ["127.0.0.1"]]
    assert door.post(URL, BODY, {}).status == 200
    assert (internet.resolved, internet.dialled) == (1, [(PUBLIC, 443)])


def test_the_next_address_is_called_when_one_does_not_take_calls(door: Door, internet: Internet) -> None:
    internet.addresses, internet.dead = [["2a00:1450:4017:80b::200e", PUBLIC]], ("2a00:1450:4017:80b::200e",)
    assert door.post(URL, BODY, {}).status == 200
    internet.dead = (*internet.dead, PUBLIC)
    assert door.post(URL, BODY, {}).failure == "connection"


def test_names_that_are_not_there_are_told(door: Door, internet: Internet) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert replace(door, resolve=unknown).post(URL, BODY, {}).failure == "name"
    internet.addresses = [[]]
    assert door.post(URL, BODY, {}).failure == "name"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(door: Door, receiver: Receiver, internet: Internet, status: int) -> None:
    receiver.answers = [answer(status, f"Location: https://{NAME}/elsewhere")]
    assert door.post(URL, BODY, {}).status == status
    assert len(receiver.heard) == len(internet.dialled) == 1


def test_proxies_of_the_environment_are_not_asked(
    door: Door, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert door.post(URL, BODY, {}).status == 200
    assert internet.dialled == [(PUBLIC, 443)]


def test_a_certificate_for_another_name_ends_the_call_before_a_word_is_said(door: Door, receiver: Receiver) -> None:
    assert door.post("https://other.example.org/", BODY, {}).failure == "certificate"
    assert receiver.heard == []


def test_a_certificate_of_an_unknown_authority_ends_the_call(door: Door, receiver: Receiver) -> None:
    assert replace(door, trusted=ssl.create_default_context).post(URL, BODY, {}).failure == "certificate"
    assert receiver.heard == []


def test_who_speaks_no_tls_is_told_nothing(door: Door, internet: Internet) -> None:
    with receiving() as plain:
        internet.receiver = plain
        plain.greeting = b"220 mail.example.org ESMTP\r\n"
        assert door.post(URL, BODY, {}).failure == "tls"
        assert plain.heard and BODY not in b"".join(plain.heard)


def drip(before: bytes) -> object:
    def dripping(connection: socket.socket) -> None:
        connection.sendall(before)
        while True:  # until the other side has gone
            connection.sendall(b"x")
            time.sleep(0.02)

    return dripping


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
def test_the_time_is_for_the_whole_answer_and_not_for_each_part(hasty: Door, receiver: Receiver, before: bytes) -> None:
    receiver.answers = [drip(before)]  # type: ignore[list-item]
    sent = hasty.post(URL, BODY, {})
    assert sent.failure == "timeout" and 250 <= sent.took_ms < 2000


def test_a_resolver_that_does_not_answer_is_not_waited_for(hasty: Door) -> None:
    def slow(host: str, port: int) -> Sequence[str]:
        time.sleep(0.6)
        return [PUBLIC]

    assert replace(hasty, resolve=slow).post(URL, BODY, {}).failure == "timeout"


def test_who_takes_the_connection_and_says_nothing_is_not_waited_for(hasty: Door, internet: Internet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        internet.receiver = Receiver(mute.getsockname()[1])
        assert hasty.post(URL, BODY, {}).failure == "timeout"


@pytest.mark.parametrize("body_bytes", [60_000, ANSWER_MAX_BYTES, 50_000_000])
def test_answers_are_heard_up_to_64_kib(door: Door, receiver: Receiver, body_bytes: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\n\r\n".encode()
    receiver.answers = [lambda connection: connection.sendall(head + b"x" * body_bytes)]
    sent = door.post(URL, BODY, {})
    assert (sent.failure, len(sent.body)) == (("", body_bytes) if body_bytes == 60_000 else ("too-large", 0))


def test_heads_without_end_are_too_large(door: Door, receiver: Receiver) -> None:
    receiver.answers = [b"HTTP/1.1 100 Continue\r\n\r\n" * 5000]
    assert door.post(URL, BODY, {}).failure == "too-large"


@pytest.mark.parametrize("said", [b"220 ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"])
def test_what_is_no_whole_answer_is_none(door: Door, receiver: Receiver, said: bytes) -> None:
    receiver.answers = [said]
    assert door.post(URL, BODY, {}).failure == "answer"


def test_who_hangs_up_has_not_answered(door: Door, receiver: Receiver) -> None:
    receiver.answers = [b""]
    assert door.post(URL, BODY, {}).failure == "connection"


def test_allowed_origins_are_let_through_exactly() -> None:
    with receiving() as local:
        origin = f"http://127.0.0.1:{local.port}"
        allowing = Door(parse_origins(f" https://127.0.0.1:1, {origin} ,", "PACS_CALLBACK_ALLOW"))
        assert allowing.post(f"{origin}/callback", BODY, {}).status == 200
        assert local.body == BODY
        near = {
            f"http://localhost:{local.port}/": "url",
            f"https://127.0.0.1:{local.port}/": "not-public",
            f"http://127.0.0.1:{local.port + 1}/": "url",
            f"http://127.0.0.2:{local.port}/": "url",
            "http://127.0.0.1/": "url",
        }
        assert {url: allowing.post(url, BODY, {}).failure for url in near} == near
        assert Door().post(f"{origin}/callback", BODY, {}).failure == "url"
        assert local.connections == 1


@pytest.mark.parametrize(
    "text", ["127.0.0.1:9999", "http://h/path", "http://h/", "ftp://h", "http://u@h", "http://h?a"]
)
def test_a_list_of_origins_that_is_none_is_told(text: str) -> None:
    with pytest.raises(NotConfigured, match="PACS_CALLBACK_ALLOW lists origins"):
        parse_origins(f"http://127.0.0.1:9999,{text}", "PACS_CALLBACK_ALLOW")
