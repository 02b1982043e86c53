"""The page of a link for somebody from outside: what is shared, whether it can be opened, and the way into the viewer.

Called by functions/shares. Turkish, English, Persian (from right to left) and Russian.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pacs.viewing.pages import Page, render
from pacs.viewing.shares import State

Language = Literal["tr", "en", "fa", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES: dict[Language, str] = {"tr": "Türkçe", "en": "English", "fa": "فارسی", "ru": "Русский"}
# What a link that does not open says instead; "unknown" stands for one that nobody made.
Notice = State | Literal["unknown", "wrong", "wait"]


@dataclass(frozen=True)
class Words:
    """What the page says in one language."""

    title: str
    intro: str
    private: str
    pin: str
    open: str
    expires: str
    studies: str
    preview: str
    report: str
    report_intro: str
    read: str
    download: str
    notices: dict[Notice, str]


TURKISH = Words(
    "Sizinle görüntüler paylaşıldı",
    "Bu bağlantı tıbbi görüntüleri tarayıcınızda açar; bir şey kurmanız gerekmez.",
    "Hastanın kimliği gizlidir.",
    "PIN kodu",
    "Görüntüleyicide aç",
    "Geçerlilik sonu",
    "Tetkik sayısı",
    "Önizleme",
    "Sizinle bir rapor paylaşıldı",
    "Bu bağlantı onaylanmış bir raporu tarayıcınızda gösterir; bir şey kurmanız gerekmez.",
    "Raporu oku",
    "PDF olarak indir",
    {
        "early": "Bu bağlantı henüz açılmadı. Lütfen daha sonra yeniden deneyin.",
        "expired": "Bu bağlantının süresi doldu. Gönderenden yenisini isteyin.",
        "used": "Bu bağlantı izin verilen sayıda açıldı. Gönderenden yenisini isteyin.",
        "revoked": "Bu bağlantı geri alındı.",
        "locked": "Çok sayıda yanlış PIN girildi; bağlantı kilitlendi. Gönderene bildirin.",
        "unknown": "Böyle bir bağlantı yok. Adresin tamamını kopyaladığınızdan emin olun.",
        "wrong": "PIN kodu yanlış.",
        "wait": "Çok fazla deneme yapıldı. Biraz bekleyip yeniden deneyin.",
    },
)
ENGLISH = Words(
    "Images were shared with you",
    "This link opens medical images in your browser; nothing needs to be installed.",
    "Who the patient is, is hidden.",
    "PIN",
    "Open in the viewer",
    "Valid until",
    "Studies",
    "Preview",
    "A report was shared with you",
    "This link shows a verified report in your browser; nothing needs to be installed.",
    "Read the report",
    "Download as PDF",
    {
        "early": "This link is not open yet. Please try again later.",
        "expired": "This link has expired. Ask the sender for a new one.",
        "used": "This link was opened as often as was allowed. Ask the sender for a new one.",
        "revoked": "This link was taken back.",
        "locked": "Too many wrong PINs were entered; the link is locked. Tell the sender.",
        "unknown": "There is no such link. Make sure that you copied the whole address.",
        "wrong": "The PIN is wrong.",
        "wait": "Too many tries. Wait a little, then try again.",
    },
)
PERSIAN = Words(
    "تصاویری با شما به اشتراک گذاشته شد",
    "این پیوند تصاویر پزشکی را در مرورگر شما باز می‌کند؛ نصب چیزی لازم نیست.",
    "هویت بیمار پنهان است.",
    "کد PIN",
    "باز کردن در نمایشگر",
    "معتبر تا",
    "تعداد مطالعات",
    "پیش‌نمایش",
    "گزارشی با شما به اشتراک گذاشته شد",
    "این پیوند یک گزارش تأییدشده را در مرورگر شما نشان می‌دهد؛ نصب چیزی لازم نیست.",
    "خواندن گزارش",
    "دریافت به صورت PDF",
    {
        "early": "این پیوند هنوز باز نشده است. لطفاً بعداً دوباره تلاش کنید.",
        "expired": "مهلت این پیوند به پایان رسیده است. از فرستنده پیوند تازه‌ای بخواهید.",
        "used": "این پیوند به تعداد مجاز باز شده است. از فرستنده پیوند تازه‌ای بخواهید.",
        "revoked": "این پیوند پس گرفته شده است.",
        "locked": "کد PIN بارها اشتباه وارد شد و پیوند قفل شد. به فرستنده اطلاع دهید.",
        "unknown": "چنین پیوندی وجود ندارد. مطمئن شوید که نشانی را کامل رونوشت کرده‌اید.",
        "wrong": "کد PIN اشتباه است.",
        "wait": "تلاش‌ها بیش از اندازه بود. کمی صبر کنید و دوباره تلاش کنید.",
    },
)
RUSSIAN = Words(
    "С вами поделились снимками",
    "Эта ссылка открывает медицинские изображения в браузере; ничего устанавливать не нужно.",
    "Личность пациента скрыта.",
    "PIN-код",
    "Открыть в просмотрщике",
    "Действует до",
    "Исследований",
    "Предпросмотр",
    "С вами поделились заключением",
    "Эта ссылка показывает подписанное заключение в браузере; ничего устанавливать не нужно.",
    "Прочитать заключение",
    "Скачать в формате PDF",
    {
        "early": "Эта ссылка ещё не действует. Попробуйте позже.",
        "expired": "Срок действия ссылки истёк. Попросите у отправителя новую.",
        "used": "Ссылку уже открыли разрешённое число раз. Попросите у отправителя новую.",
        "revoked": "Эта ссылка отозвана.",
        "locked": "PIN-код слишком часто вводили неверно; ссылка заблокирована. Сообщите отправителю.",
        "unknown": "Такой ссылки нет. Проверьте, что адрес скопирован полностью.",
        "wrong": "Неверный PIN-код.",
        "wait": "Слишком много попыток. Подождите немного и попробуйте снова.",
    },
)
WORDS: dict[Language, Words] = {"tr": TURKISH, "en": ENGLISH, "fa": PERSIAN, "ru": RUSSIAN}


@dataclass(frozen=True)
class Shown:
    """What the page shows. `link`: what the address says; `previews`: JPEGs as data URIs; `until`: of ISO 8601."""

    link: str
    notice: Notice | None = None
    needs_pin: bool = False
    private: bool = False
    studies: int = 0
    until: str = ""
    previews: tuple[str, ...] = ()
    viewer_origin: str = ""
    report: bool = False


@dataclass(frozen=True)
class ReportPart:
    """What was signed at once: sections with their headings (sanitised HTML), and by whom and when, as words."""

    heading: str
    sections: Sequence[tuple[str, str]]
    signed: str


@dataclass(frozen=True)
class ShownReport:
    """A report as its page shows it. `facts`: words and values of its head; `pdf`: the address of the PDF, if any."""

    title: str
    language: str
    right_to_left: bool
    centre: Sequence[str]
    facts: Sequence[tuple[str, str]]
    parts: Sequence[ReportPart]
    private: bool
    pdf: str


def report_page(shown: ShownReport, language: Language) -> Page:
    """The page of one report, around it the words of a language of the reader."""
    direction = "rtl" if language == "fa" else "ltr"
    return render("shared_report.html", words=WORDS[language], language=language, direction=direction, shown=shown)


def share_page(shown: Shown, language: Language) -> Page:
    """The page in one language, with the way to the others."""
    return render(
        "share.html",
        forms=f"'self' {shown.viewer_origin}".strip(),
        images="'self' data:",
        words=WORDS[language],
        language=language,
        direction="rtl" if language == "fa" else "ltr",
        names=NAMES,
        shown=shown,
    )


def page_language(asked: str, accept_language: str) -> Language:
    """The language that the address names, or that the browser likes best; Turkish when it names none of ours.

    Source: RFC 9110 §12.5.4
    """
    if asked in LANGUAGES:
        return asked
    best: tuple[float, Language] = (0.0, "tr")
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=") or "1"
        quality = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
        code = tag.split("-")[0].lower()
        if code in LANGUAGES and quality > best[0]:
            best = (quality, code)
    return best[1]
