"""The two pages of a launch: one opens the viewer, the other says why it does not open. For functions/launch.

Both are shown in Turkish and in English; the language that the browser prefers stands first.
"""

import secrets
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jinja2 import Environment, PackageLoader

Reason = Literal["expired", "invalid", "missing", "return"]
Language = Literal["tr", "en"]


@dataclass(frozen=True)
class Page:
    html: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Words:
    title: str
    advice: str


REFUSALS: dict[Reason, dict[Language, Words]] = {
    "expired": {
        "tr": Words(
            "Bu bağlantının süresi doldu",
            "Görüntüleri açan bağlantılar kısa ömürlüdür. Tetkiki arşivden yeniden açın ya da yenisini isteyin.",
        ),
        "en": Words(
            "This link has expired",
            "Links that open images are short-lived. Open the study from the archive again, or ask for a new link.",
        ),
    },
    "invalid": {
        "tr": Words(
            "Bu bağlantı geçerli değil",
            "Bağlantı eksik kopyalanmış ya da değiştirilmiş. Bağlantının tamamını kullanın ya da yenisini isteyin.",
        ),
        "en": Words(
            "This link is not valid",
            "It was cut short when copied, or it was changed. Use the whole link, or ask for a new one.",
        ),
    },
    "missing": {
        "tr": Words(
            "Bu sekmede açık bir tetkik yok",
            "Görüntüleyici imzalı bir bağlantıyla açılır. Tetkiki arşivden ya da size gönderilen bağlantıdan açın.",
        ),
        "en": Words(
            "No study is open in this tab",
            "The viewer opens by a signed link. Open a study from the archive, or use the link that was sent to you.",
        ),
    },
    "return": {
        "tr": Words(
            "Bağlantıdaki dönüş adresine izin verilmiyor",
            "Geri dönüş yalnızca bu arşivin kendi sayfalarına olabilir. Bağlantıyı gönderene bildirin.",
        ),
        "en": Words(
            "The return address in this link is not allowed",
            "The way back may lead to pages of this archive alone. Tell whoever sent you the link.",
        ),
    },
}


def launch_page(viewer_url: str, return_url: str) -> Page:
    """Keeps the token for this tab, asks for the cookies, and replaces itself with the viewer."""
    return render("launch.html", framed="'self'", viewer_url=viewer_url, return_url=return_url)


def refusal_page(reason: Reason, *, accept_language: str, request_id: str) -> Page:
    words = REFUSALS[reason]
    languages = sorted(words, key=lambda each: each != preferred_language(accept_language))
    return render(
        "refusal.html",
        framed="'self'",
        sections=[(language, words[language]) for language in languages],
        request_id=request_id,
    )


def preferred_language(accept_language: str) -> Language:
    """Turkish or English, whichever an Accept-Language header puts higher; Turkish when it names neither.

    Source: RFC 9110 §12.5.4
    """
    best: tuple[float, Language] = (0.0, "tr")
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        weight = parameters.strip().removeprefix("q=") or "1"
        quality = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
        if language == "en" and quality > best[0]:
            best = (quality, "en")
        elif language == "tr" and quality > best[0]:
            best = (quality, "tr")
    return best[1]


def render(
    template: str, *, forms: str = "'none'", images: str = "'self'", framed: str = "'none'", **values: object
) -> Page:
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self';"
        f" img-src {images}; base-uri 'none'; form-action {forms}; frame-ancestors {framed}"
    )
    return Page(
        environment().get_template(template).render(nonce=nonce, **values),
        {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Language",
        },
    )


@cache
def environment() -> Environment:
    return Environment(loader=PackageLoader("pacs.viewing"), autoescape=True)
