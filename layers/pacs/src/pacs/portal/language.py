"""In which language, with which dates and numbers, is a page? Asked by functions/pages and the templates.

English texts are the keys of the catalogues under `locales`; those of `COMPLETE` have every text, others may follow.
"""

import gettext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

LOCALES = Path(__file__).parent / "locales"
DOMAIN = "portal"
DEFAULT = "tr"
NAMES = {
    "tr": "Türkçe",
    "en": "English",
    "fa": "فارسی",
    "ru": "Русский",
    "az": "Azərbaycanca",
    "fr": "Français",
    "de": "Deutsch",
    "ar": "العربية",
}
# These lack no text, ever; what the others lack is told in English until somebody has translated it.
COMPLETE = ("tr", "en", "fa", "ru")
UNITS = ("B", "kB", "MB", "GB", "TB")


def marked(text: str) -> str:
    """A text that is translated where it is shown; here only so that the catalogues find it."""
    return text


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; what it lacks is told in English."""
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=True)


def choose_language(chosen: str, accept_language: str) -> str:
    """The language that somebody chose, else the one of ours that the browser prefers most, else Turkish.

    Source: RFC 9110 §12.5.4
    """
    if chosen in NAMES:
        return chosen
    best, most = DEFAULT, 0.0
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        weight = parameters.strip().removeprefix("q=") or "1"
        quality = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
        if language in NAMES and quality > most:
            best, most = language, quality
    return best


@dataclass(frozen=True)
class Speech:
    """How one page speaks: its language, and the zone in which it tells times."""

    language: str
    zone: ZoneInfo

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.language)

    @property
    def direction(self) -> str:
        """`rtl` or `ltr`."""
        return self.locale.text_direction

    def __call__(self, text: str) -> str:
        return catalogue(self.language).gettext(text)

    def moment(self, value: datetime) -> str:
        return format_datetime(value, "short", tzinfo=self.zone, locale=self.locale)

    def distance(self, value: timedelta) -> str:
        """How far away something is: in so many minutes, or so many hours ago."""
        return format_timedelta(
            value, granularity="minute", threshold=1.5, format="short", add_direction=True, locale=self.locale
        )

    def day(self, value: date) -> str:
        return format_date(value, "medium", locale=self.locale)

    def month(self, value: date) -> str:
        return format_skeleton("yMMM", value, locale=self.locale)

    def dicom_day(self, value: str) -> str:
        """A date of DICOM as people read it; what is none stays as it is. Source: PS3.5 §6.2"""
        try:
            return self.day(datetime.strptime(value, "%Y%m%d").date())
        except ValueError:
            return value

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def dollars(self, value: Decimal) -> str:
        """A cost as people read it; the fractions of a cent that a call costs are told."""
        return format_currency(value, "USD", "¤#,##0.00##", locale=self.locale, currency_digits=False)

    def seconds(self, value: float) -> str:
        return format_unit(round(value), "second", "short", locale=self.locale)

    def size(self, size_bytes: float) -> str:
        """Bytes as people read them."""
        value, unit = float(size_bytes), UNITS[0]
        for unit in UNITS:
            if value < 1000 or unit == UNITS[-1]:
                break
            value /= 1000
        return f"{format_decimal(value, format='#,##0.#', locale=self.locale)} {unit}"
