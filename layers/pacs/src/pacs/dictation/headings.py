"""What are the sections of a report called? In the six languages of the report API. Pure."""

from pacs.reporting.body import SECTIONS
from pacs.reporting.documents import HEADINGS

WORDS: dict[str, tuple[str, ...]] = {
    **{language: tuple(HEADINGS[language][name] for name in SECTIONS) for language in ("tr", "en")},
    "ru": ("Клинические данные", "Методика исследования", "Сравнение", "Описание", "Заключение"),
    "az": ("Klinik məlumat", "Texnika", "Müqayisə", "Tapıntılar", "Nəticə"),
    "fr": ("Renseignements cliniques", "Technique", "Comparaison", "Résultats", "Conclusion"),
    "de": ("Klinische Angaben", "Technik", "Vergleich", "Befund", "Beurteilung"),
}


def headings(language: str) -> dict[str, str]:
    """The heading of each section, in the order in which sections are read; in English where we have no other."""
    return dict(zip(SECTIONS, WORDS.get(language, WORDS["en"]), strict=True))
