"""Launch links: what they carry, where they may lead back to, and which cookies go with them."""

from dataclasses import replace
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.errors import BadRequest, TokenExpired, Unauthenticated
from pacs.people.scope import Scope
from pacs.people.tokens import Tokens
from pacs.settings import Settings
from pacs.viewing.launch import (
    MAX_STUDIES,
    MAX_TTL_S,
    check_return_url,
    launch_cookies,
    launch_url,
    open_launch,
    viewer_url,
)
from tests.functions.doors import TurnedClock

from .conftest import ORIGIN

CALLER = Scope("3f0c", "radiologist", branches=("b1",), member_id="m1")
STUDIES = ("1.2.3", "1.2.4")


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def opened(tokens: Tokens, token: str, return_url: str = "") -> object:
    return open_launch(tokens, token, return_url=return_url, origin=ORIGIN)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/viewer/", "/viewer/"),
        ("/viewer/studies/1.2.3?tab=report#page-2", "/viewer/studies/1.2.3?tab=report#page-2"),
        (f"{ORIGIN}/viewer/list?next=https://evil.example/", "/viewer/list?next=https://evil.example/"),
        ("/viewer/%C4%B1%C5%9F%C4%B1k", "/viewer/%C4%B1%C5%9F%C4%B1k"),
    ],
)
def test_a_return_address_of_ours_is_kept_as_a_path(given: str, expected: str) -> None:
    assert check_return_url(given, ORIGIN) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "/",
        "/viewer",
        "/viewers/",
        "viewer/",
        "/admin/",
        "//evil.example/viewer/",
        "///evil.example/viewer/",
        "/\\evil.example/viewer/",
        "\\\\evil.example/viewer/",
        "/viewer/\\..\\..\\admin",
        "/viewer/../admin",
        "/viewer/..",
        "/viewer/./..//evil.example",
        "/viewer//evil.example",
        "/viewer/%2e%2e/admin",
        "/viewer/.%2E/admin",
        "/viewer/%252e%252e/admin",
        "/viewer/%2f%2fevil.example",
        "/viewer/%5cevil.example",
        "/viewer/%0d%0aSet-Cookie:a=b",
        "/viewer/\r\nSet-Cookie: a=b",
        "/viewer/\t",
        " /viewer/",
        "/viewer/\x00",
        "/viewer/%00",
        "/viewer/%zz",
        "/viewer/ışık",
        "/viewer/<script>",
        '/viewer/"onmouseover="x',
        "javascript:alert(1)",
        "javascript:/viewer/",
        "JaVaScRiPt:alert(1)//viewer/",
        "data:text/html,/viewer/",
        "http://pacs.example/viewer/",
        "https://pacs.example.evil.example/viewer/",
        "https://pacs.example@evil.example/viewer/",
        "https://evil.example/viewer/",
        "https://user@pacs.example/viewer/",
        "https://pacs.example:444/viewer/",
        "HTTPS://evil.example#https://pacs.example/viewer/",
        ORIGIN,
        ORIGIN + ORIGIN + "/viewer/",
        "/viewer/" + "a" * 2048,
    ],
)
def test_a_hostile_return_address_is_refused(hostile: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_return_url(hostile, ORIGIN)
    assert refused.value.field == "returnUrl"


@given(st.text(alphabet="/\\.%25eEfFcC#?:@va iewr\n\t", max_size=30))
def test_what_passes_stays_under_the_viewer(text: str) -> None:
    try:
        checked = check_return_url("/viewer/" + text, ORIGIN)
    except BadRequest:
        return
    assert urlsplit(checked).netloc == ""
    resolved = urljoin(f"{ORIGIN}/ohif-viewer/viewer", checked)
    assert resolved.startswith(f"{ORIGIN}/viewer/")


def test_a_link_carries_its_studies_and_nothing_else_of_its_maker(settings: Settings, tokens: Tokens) -> None:
    url = launch_url(settings, tokens, CALLER, [*STUDIES, "1.2.3"], ttl_s=60, return_url="/viewer/ab")
    assert url.startswith(f"{ORIGIN}/ohif?token=")
    assert parse_qs(urlsplit(url).query)["returnUrl"] == ["/viewer/ab"]
    assert tokens.verify(token_of(url), "launch") == Scope("3f0c", "launch", studies=STUDIES, member_id="m1")


@pytest.mark.parametrize(("asked", "of_the_scope", "expected"), [(True, False, True), (False, True, True)])
def test_privacy_is_asked_for_or_handed_on(
    settings: Settings, tokens: Tokens, asked: bool, of_the_scope: bool, expected: bool
) -> None:
    url = launch_url(settings, tokens, replace(CALLER, privacy=of_the_scope), STUDIES, ttl_s=60, privacy=asked)
    assert tokens.verify(token_of(url), "launch").privacy is expected


@pytest.mark.parametrize(
    ("studies", "ttl_s", "field"),
    [
        ([], 60, "studies"),
        (["1.2.3,1.2.4"], 60, "studies"),
        (["*"], 60, "studies"),
        (["1." * 40 + "1"], 60, "studies"),
        ([f"1.{number}" for number in range(MAX_STUDIES + 1)], 60, "studies"),
        (["1.2"], 0, "ttl_s"),
        (["1.2"], -5, "ttl_s"),
        (["1.2"], MAX_TTL_S + 1, "ttl_s"),
    ],
)
def test_a_link_that_cannot_be_is_refused(
    settings: Settings, tokens: Tokens, studies: list[str], ttl_s: int, field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        launch_url(settings, tokens, CALLER, studies, ttl_s=ttl_s)
    assert refused.value.field == field


def test_the_longest_link_fits_api_gateways_headers(settings: Settings, tokens: Tokens, clock: TurnedClock) -> None:
    studies = [f"1.{number:02}".ljust(64, "7") for number in range(MAX_STUDIES)]
    url = launch_url(settings, tokens, CALLER, studies, ttl_s=60, return_url="/viewer/" + "a" * 500)
    launch = open_launch(tokens, token_of(url), return_url="", origin=ORIGIN)
    cookies = list(launch_cookies(tokens, launch, clock.now()))
    assert len(url) < 4096
    assert max(len(cookie.value) for cookie in cookies) < 1024
    assert sum(len(cookie.name + cookie.value + cookie.path) + 70 for cookie in cookies) < 12_000


def test_a_link_opens_until_it_expires(settings: Settings, tokens: Tokens, clock: TurnedClock) -> None:
    token = token_of(launch_url(settings, tokens, CALLER, STUDIES, ttl_s=60))
    launch = open_launch(tokens, token, return_url=f"{ORIGIN}/viewer/x", origin=ORIGIN)
    assert launch.studies == STUDIES
    assert launch.return_url == "/viewer/x"
    assert (launch.expires_at - clock.now()).total_seconds() == 60
    clock.pass_s(60)
    with pytest.raises(TokenExpired):
        opened(tokens, token)


def test_a_session_or_a_changed_token_opens_nothing(settings: Settings, tokens: Tokens) -> None:
    token = token_of(launch_url(settings, tokens, CALLER, STUDIES, ttl_s=60))
    for bad in (tokens.sign(CALLER, "session", ttl_s=60), token[:-4] + "AAAA", token + "x", "x", ""):
        with pytest.raises(Unauthenticated):
            opened(tokens, bad)
    with pytest.raises(BadRequest):
        opened(tokens, token, "//evil.example/viewer/")


def test_our_own_viewer_gets_no_token_in_its_address(settings: Settings, tokens: Tokens) -> None:
    token = token_of(launch_url(settings, tokens, CALLER, STUDIES, ttl_s=60))
    launch = open_launch(tokens, token, return_url="", origin=ORIGIN)
    assert viewer_url(settings, launch, token) == "/ohif-viewer/viewer?StudyInstanceUIDs=1.2.3,1.2.4"


def test_a_public_viewer_is_told_where_its_configuration_is(settings: Settings, tokens: Tokens) -> None:
    public = replace(settings, public_ohif_url="https://viewer.example/")
    token = token_of(launch_url(public, tokens, CALLER, STUDIES, ttl_s=60))
    launch = open_launch(tokens, token, return_url="", origin=ORIGIN)
    url = viewer_url(public, launch, token)
    assert url.startswith("https://viewer.example/viewer/dicomwebproxy?")
    query = parse_qs(urlsplit(url).query)
    assert query["studyInstanceUIDs"] == ["1.2.3;1.2.4"]
    assert query["url"] == [f"{ORIGIN}/ohif/config?token={token}"]


def test_each_cookie_opens_one_study_for_the_rest_of_the_launch(
    settings: Settings, tokens: Tokens, clock: TurnedClock
) -> None:
    token = token_of(launch_url(settings, tokens, CALLER, STUDIES, ttl_s=60, privacy=True))
    launch = open_launch(tokens, token, return_url="", origin=ORIGIN)
    clock.pass_s(20)
    cookies = list(launch_cookies(tokens, launch, clock.now()))
    assert [cookie.path for cookie in cookies] == ["/dicomweb/studies/1.2.3", "/dicomweb/studies/1.2.4"]
    assert {cookie.max_age_s for cookie in cookies} == {40}
    assert all(cookie.name.startswith("pacs_launch_") for cookie in cookies)
    for cookie, study in zip(cookies, STUDIES, strict=True):
        scope = tokens.verify(cookie.value, "launch")
        assert scope == Scope("3f0c", "launch", studies=(study,), privacy=True, member_id="m1")


def test_a_second_launch_replaces_its_own_cookie_and_no_other(
    settings: Settings, tokens: Tokens, clock: TurnedClock
) -> None:
    def names(scope: Scope, *, privacy: bool) -> set[str]:
        token = token_of(launch_url(settings, tokens, scope, STUDIES, ttl_s=60, privacy=privacy))
        launch = open_launch(tokens, token, return_url="", origin=ORIGIN)
        return {cookie.name for cookie in launch_cookies(tokens, launch, clock.now())}

    other = replace(CALLER, organization_id="77aa")
    assert names(CALLER, privacy=False) == names(CALLER, privacy=False)
    assert len(names(CALLER, privacy=False) | names(CALLER, privacy=True) | names(other, privacy=False)) == 3
