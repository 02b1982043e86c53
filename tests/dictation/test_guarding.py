"""Changed meanings are seen, and nothing else: negations, numbers, sides, levels; in Turkish, English and between."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.dictation.guarding import Warning, differences
from pacs.dictation.requests import LANGUAGES

# A sentence, how a machine might spoil it, and of which kind that is.
TURKISH = [
    ("Pnömotoraks izlenmedi.", "Pnömotoraks izlendi.", "negation"),
    ("Plevral efüzyon yoktur.", "Plevral efüzyon vardır.", "negation"),
    (
        "Kanama, kitle veya orta hat şifti saptanmamıştır.",
        "Kanama, kitle veya orta hat şifti saptanmıştır.",
        "negation",
    ),
    (
        "Apendiks lümeninde taş lehine bulgu görülmemektedir.",
        "Apendiks lümeninde taş lehine bulgu görüldü.",
        "negation",
    ),
    ("IV kontrast madde verilmeden tetkik edildi.", "IV kontrast madde verilerek tetkik edildi.", "negation"),
    ("Kırık dışlanamaz.", "Kırık dışlandı.", "negation"),
    ("Karaciğer boyutu normal olup kist izlenmemiştir.", "Karaciğer boyutu normal olup kist izlenmiştir.", "negation"),
    ("Safra kesesinde polip içeriği bulunmayan lümen.", "Safra kesesinde polip içeriği bulunan lümen.", "negation"),
    ("Hemanjiom mevcut değildir.", "Hemanjiom mevcuttur.", "negation"),
    ("Tiroid sağ lobda 12x8 mm nodül izlendi.", "Tiroid sağ lobda 12x9 mm nodül izlendi.", "number"),
    ("Tiroid sol lobda on beş milimetre nodül izlendi.", "Tiroid sol lobda 50 mm nodül izlendi.", "number"),
    ("Aort çapı 3,5 cm ölçüldü.", "Aort çapı 35 cm ölçüldü.", "number"),
    ("Dansite yaklaşık 45 HU.", "Dansite yaklaşık 54 HU.", "number"),
    ("Karotiste yüzde yetmiş darlık.", "Karotiste %17 darlık.", "number"),
    ("Mesane hacmi 250 cc.", "Mesane hacmi 25 cc.", "number"),
    ("BI-RADS 4 olarak değerlendirildi.", "BI-RADS 3 olarak değerlendirildi.", "number"),
    ("Skolyoz açısı 22 derece.", "Skolyoz açısı 32 derece.", "number"),
    ("Önceki tetkik 12.03.2025 tarihlidir.", "Önceki tetkik 12.03.2024 tarihlidir.", "number"),
    ("Kontrol 5 Mart 2026 günü.", "Kontrol 5 Nisan 2026 günü.", "number"),
    ("Menisküste grade 2 sinyal artışı.", "Menisküste grade III sinyal artışı.", "number"),
    ("Sağ böbrekte 6 mm taş izlendi.", "Sol böbrekte 6 mm taş izlendi.", "side"),
    ("Sol diz ekleminde sıvı arttı.", "Sağ diz ekleminde sıvı arttı.", "side"),
    ("Her iki hemitoraks açıktır.", "Sağ hemitoraks açıktır.", "side"),
    ("L4-L5 düzeyinde taşma var.", "L3-L4 düzeyinde taşma var.", "level"),
    ("C5-6 diskinde dejenerasyon var.", "C4-5 diskinde dejenerasyon var.", "level"),
    ("T12 vertebrada çökme var.", "T11 vertebrada çökme var.", "level"),
    ("T2A görüntülerde sinyal artışı var.", "T1A görüntülerde sinyal artışı var.", "level"),
]
ENGLISH = [
    ("No pneumothorax.", "Pneumothorax.", "negation"),
    ("There is no evidence of acute hemorrhage or mass.", "There is evidence of acute hemorrhage or mass.", "negation"),
    ("Free fluid is not seen.", "Free fluid is seen.", "negation"),
    ("The study was performed without contrast.", "The study was performed with contrast.", "negation"),
    ("The spleen is normal and no cyst is identified.", "The spleen is normal and a cyst is identified.", "negation"),
    ("Consolidation can't be excluded.", "Consolidation can be excluded.", "negation"),
    ("Negative for fracture.", "Positive for fracture.", "negation"),
    ("A 12 x 8 mm nodule in the right upper lobe.", "A 12 x 8 cm nodule in the right upper lobe.", "number"),
    ("The aorta measures three point five centimetres.", "The aorta measures 5.3 cm.", "number"),
    ("A twenty-one mm cyst in the pancreas.", "A 20 mm cyst in the pancreas.", "number"),
    ("Density of 1,250 HU.", "Density of 125 HU.", "number"),
    ("Stenosis of 70%.", "Stenosis of 17%.", "number"),
    ("Follow-up in 6 months.", "Follow-up in 16 months.", "number"),
    ("Effusion in the left pleural space of 3 ml.", "Effusion in the right pleural space of 3 ml.", "side"),
    ("Both adrenals are normal.", "The left adrenal is normal.", "side"),
    ("Disc herniation at L5-S1.", "Disc herniation at L4-L5.", "level"),
    ("Compression fracture of T7.", "Compression fracture of T8.", "level"),
]
CORPORA = {"tr": TURKISH, "en": ENGLISH}
CASES = [(language, at) for language, corpus in CORPORA.items() for at in range(len(corpus))]


def text_of(language: str, *, spoiled: int = -1) -> str:
    return " ".join(each[1] if at == spoiled else each[0] for at, each in enumerate(CORPORA[language]))


@pytest.mark.parametrize(("language", "at"), CASES)
def test_a_changed_meaning_is_seen_among_everything_else(language: str, at: int) -> None:
    found = differences(text_of(language), text_of(language, spoiled=at), language, language)
    assert {each.kind for each in found} == {CORPORA[language][at][2]}
    turned = differences(text_of(language, spoiled=at), text_of(language), language, language)
    assert {(each.kind, each.words, each.where != "said") for each in turned} == {
        (each.kind, each.words, each.where == "said") for each in found
    }


@pytest.mark.parametrize(("language", "at"), CASES)
def test_a_changed_meaning_is_seen_in_a_sentence_alone(language: str, at: int) -> None:
    said, written, kind = CORPORA[language][at]
    assert kind in {each.kind for each in differences(said, written, language, language)}


@pytest.mark.parametrize(("language", "at"), CASES)
def test_what_is_left_out_or_made_up_is_seen(language: str, at: int) -> None:
    sentence, _, kind = CORPORA[language][at]
    assert kind in {each.kind for each in differences(sentence, "Normal.", language, language) if each.where == "said"}
    made_up = differences("Normal.", sentence, language, language)
    assert kind in {each.kind for each in made_up if each.where == "written"}


@pytest.mark.parametrize("language", CORPORA)
@pytest.mark.parametrize("seed", range(5))
def test_another_order_and_repetition_change_nothing(language: str, seed: int) -> None:
    sentences = [each[0] for each in CORPORA[language]]
    mixed = random.Random(seed).sample(sentences, len(sentences)) + sentences[:7]
    assert differences(text_of(language), "\n".join(mixed), language, language) == ()
    assert differences("\n".join(mixed), text_of(language), language, language) == ()


@pytest.mark.parametrize("noun", ["Opasite", "Kavite", "Kesitlerde dansite"])
def test_nouns_that_end_as_places_do_are_denied(noun: str) -> None:
    """Opasite is what is denied, kesitlerde is where."""
    [lost] = differences(f"{noun} izlenmedi.", f"{noun} izlendi, kist saptanmadı.", "tr", "tr")[:1]
    assert (lost.kind, lost.where) == ("negation", "said")


def test_case_changes_nothing() -> None:
    capitals = text_of("tr").replace("i", "İ").replace("ı", "I").upper()
    assert differences(text_of("tr"), capitals, "tr", "tr") == ()
    assert differences(text_of("en"), text_of("en").upper(), "en", "en") == ()


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("tr", "3,5 cm kist", "3.5 cm kist"),
        ("tr", "3,5 cm kist", "35 mm kist"),
        ("tr", "üç buçuk santimetrelik kist", "3,5 cm kist"),
        ("tr", "üç virgül beş santim", "3.5 cm"),
        ("tr", "sıfır virgül sıfır beş cm", "0,05 cm"),
        ("tr", "on iki milimetre", "12 mm"),
        ("tr", "oniki milimetre", "12mm"),
        ("tr", "on ikiye sekiz milimetre", "12x8 mm"),
        ("tr", "12'ye 8 mm", "12 × 8 mm"),
        ("tr", "yüz yirmi beş Hounsfield", "125 HU"),
        ("tr", "yüzde elli darlık", "%50 darlık"),
        ("tr", "1250 HU", "1.250 HU"),
        ("tr", "iki adet nodül", "2 adet nodül"),
        ("tr", "12.03.2026 tarihli", "12 Mart 2026 tarihli"),
        ("tr", "Menisküste grade 2 dejenerasyon", "Menisküste grade II dejenerasyon"),
        ("en", "Compared with 03/12/2024", "Compared with March 12th, 2024"),
        ("tr", "3. ventrikül doğal", "Üçüncü ventrikül doğal"),
        ("tr", "Nodül ve kist.", "1. Nodül\n2. Kist"),
        ("tr", "L3-4, 4-5 ve L5-S1", "L3-L4, L4/L5, L5-S1"),
        ("tr", "L dört beş diski", "L4-L5 diski"),
        ("tr", "D12 ve Th5-6", "T12 ve T5-T6"),
        ("tr", "Sağda ve solda efüzyon", "Bilateral efüzyon"),
        ("tr", "Sol akciğerde 8 mm, sağda 6 mm nodül.", "Sağ akciğerde 6 mm nodül.\nSol akciğerde 8 mm nodül."),
        ("tr", "Pnömotoraks yok. Efüzyon yok.", "Pnömotoraks ve efüzyon izlenmemiştir."),
        ("tr", "Kanama yoktur.", "Hemoraji izlenmemektedir."),
        (
            "tr",
            "Sağlıklı bir solunum, soluk almadan önceki incelemeden.",
            "Soluk almadan önceki incelemede sağlıklı solunum.",
        ),
        ("tr", "Memede genişlemedir bu, tamamı normal.", "Tamamı normal, memede genişlemedir."),
        ("en", "three point five centimetres", "3.5 cm"),
        ("en", "two and a half centimeters", "25 mm"),
        ("en", "one hundred and five Hounsfield units", "105 HU"),
        ("en", "five by six millimetres", "5 x 6 mm"),
        ("en", "half a year, one nodule", "A nodule."),
        ("en", "L four L five", "L4-L5"),
        ("en", "No pneumothorax. No pleural effusion.", "No pneumothorax or pleural effusion."),
        ("en", "Pneumothorax is not seen.", "There is no pneumothorax."),
        ("en", "Both kidneys are normal.", "The right and left kidneys are normal."),
        ("en", "T2 weighted images at 1.5T", "T2-weighted images at 1.5 T"),
    ],
)
def test_the_same_in_other_words_is_no_difference(language: str, one: str, other: str) -> None:
    assert differences(one, other, language, language) == ()
    assert differences(other, one, language, language) == ()


TRANSLATED = {
    "tr": (
        "Kontrastsız beyin BT incelemesi. Kanama, kitle veya orta hat şifti izlenmedi. Sağ frontal lobda 12x8 mm"
        " hipodens alan mevcuttur. Sol böbrekte on iki milimetre taş izlendi. Plevral efüzyon yoktur. L4-L5 düzeyinde"
        " taşma, L5-S1'de sol paramedian protrüzyon. Pnömotoraks lehine bulgu saptanmamıştır. Her iki diz doğal."
    ),
    "en": (
        "Non-contrast CT of the brain. No hemorrhage, mass or midline shift. There is a 12 x 8 mm hypodense area in"
        " the right frontal lobe. A stone of 1.2 cm is seen in the left kidney. There is no pleural effusion. Bulging"
        " at L4-5 and left paramedian protrusion at L5-S1. No evidence of pneumothorax. Both knees are normal."
    ),
    "de": (
        "CT des Kopfes ohne Kontrastmittel. Kein Hinweis auf Blutung, Raumforderung oder Mittellinienverlagerung."
        " Rechts frontal ein 12 x 8 mm hypodenses Areal. In der linken Niere ein Stein von 12 mm. Kein Pleuraerguss."
        " L4/5 Vorwölbung, LWK5/SWK1 linksseitige Protrusion. Kein Nachweis eines Pneumothorax. Beide Knie normal."
    ),
    "ru": (
        "КТ головного мозга без контраста. Нет кровоизлияния, образования или смещения срединных структур. В правой"
        " лобной доле участок 12 х 8 мм. В левой почке камень 12 мм. Нет плеврального выпота. L4-L5 выбухание, L5-S1"
        " левосторонняя протрузия. Без признаков пневмоторакса. Оба колена в норме."
    ),
    "fr": (
        "Scanner cérébral sans contraste. Pas d'hémorragie, de masse ou de déviation. Lésion frontale droite de 12 x 8"
        " mm. Calcul du rein gauche de 12 mm. Pas d'épanchement pleural. Débord L4-L5, protrusion gauche L5-S1. Aucun"
        " pneumothorax. Genoux normaux, aspect bilatéral."
    ),
    "az": (
        "Kontrastsız beyin KT. Qanaxma, kütlə və ya orta xətt yerdəyişməsi izlənmədi. Sağ frontal payda 12x8 mm sahə"
        " var. Sol böyrəkdə 12 mm daş görünür. Plevral maye yoxdur. L4-L5 səviyyəsində qabarma, L5-S1 sol paramedian"
        " protruziya. Pnevmotoraks aşkar edilmir. Hər iki diz normaldır."
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_faithful_translation_is_no_difference(language: str) -> None:
    assert differences(TRANSLATED["tr"], TRANSLATED[language], "tr", language) == ()
    assert differences(TRANSLATED[language], TRANSLATED["en"], language, "en") == ()


# As speech recognition writes it down, and a report that says the same.
DICTATED = [
    (
        "tr",
        "tr",
        "üst abdomen ultrasonografi karaciğer normal boyutta konturları düzgün parankim ekosu hafif artmış "
        "grade bir hepatosteatoz ile uyumlu kitle izlenmedi safra kesesi normal büyüklükte duvar kalınlığı üç "
        "milimetre lümeninde taş ya da çamur saptanmadı sağ böbrek yüz on milimetre sol böbrek yüz sekiz "
        "milimetre her iki böbrekte taş hidronefroz yok dalak yüz yirmi milimetre batın içi serbest sıvı "
        "izlenmedi sonuç grade bir hepatosteatoz",
        "Karaciğer normal boyuttadır, konturları düzgündür. Parankim ekosu hafif artmıştır (grade 1 "
        "hepatosteatoz ile uyumlu). Kitle izlenmedi.\n"
        "Safra kesesi normal büyüklüktedir. Duvar kalınlığı 3 mm olup lümeninde taş ya da çamur saptanmadı.\n"
        "Sağ böbrek 110 mm, sol böbrek 108 mm'dir. Her iki böbrekte taş ya da hidronefroz yoktur.\n"
        "Dalak 120 mm'dir. Batın içi serbest sıvı izlenmedi.\n"
        "Grade 1 hepatosteatoz.",
    ),
    (
        "tr",
        "tr",
        "Lomber MR. Teknik: Sagittal T1 ve T2 ağırlıklı, aksiyel T2 ağırlıklı kesitler alınmıştır. Lomber "
        "lordoz düzleşmiştir. Vertebra korpus yükseklikleri korunmuştur. L3-4 diskinde dejenerasyon. L4-5 "
        "düzeyinde sol paramedian protrüzyon mevcut olup sol L5 köküne bası yapmaktadır. L5-S1 düzeyinde "
        "diffüz bulging, belirgin kök basısı yok. Spinal kanal çapı 14 mm. Konus medullaris normal "
        "seviyededir, sinyal patolojisi saptanmamıştır. Sonuç: L4-5 sol paramedian disk protrüzyonu.",
        "Sagittal T1A ve T2A ile aksiyel T2A kesitler alınmıştır.\n"
        "Lomber lordoz düzleşmiştir. Vertebra korpus yükseklikleri korunmuştur.\n"
        "L3-L4 diskinde dejenerasyon izlenmektedir.\n"
        "L4-L5 düzeyinde sol paramedian protrüzyon izlenmekte olup sol L5 köküne bası oluşturmaktadır.\n"
        "L5-S1 düzeyinde diffüz bulging mevcuttur; belirgin kök basısı yoktur.\n"
        "Spinal kanal çapı 14 mm'dir. Konus medullaris normal seviyededir ve sinyal patolojisi "
        "saptanmamıştır.\n"
        "L4-L5 sol paramedian disk protrüzyonu.",
    ),
    (
        "tr",
        "tr",
        "Toraks BT. Mediasten normal. Patolojik boyutta lenf nodu yok. Sağ akciğer üst lob posterior "
        "segmentte 6x5 mm boyutlu düzgün konturlu nodül var. Sol akciğerde infiltrasyon yok, plevral efüzyon, "
        "pnömotoraks izlenmedi. Kalp boyutları doğal. Perikardiyal efüzyon yok. 6 ay sonra kontrol önerilir. "
        "Kemik yapılarda litik veya sklerotik lezyon saptanmadı.",
        "Mediastinal yapılar normaldir. Patolojik boyutta lenf nodu izlenmemiştir.\n"
        "Sağ akciğer üst lob posterior segmentte 6 x 5 mm boyutlarında, düzgün konturlu nodül izlenmektedir.\n"
        "Sol akciğerde infiltrasyon saptanmamıştır. Plevral efüzyon ve pnömotoraks izlenmemektedir.\n"
        "Kalp boyutları doğaldır. Perikardiyal efüzyon bulunmamaktadır.\n"
        "Kemik yapılarda litik ya da sklerotik lezyon yoktur.\n"
        "1. Sağ akciğer üst lobda 6x5 mm nodül.\n"
        "2. 6 ay sonra kontrol önerilir.",
    ),
    (
        "en",
        "en",
        "CT chest without contrast. Lungs are clear, no consolidation or pleural effusion, no pneumothorax. "
        "Heart size normal. There is a 1.2 centimeter nodule in the right lower lobe not seen on prior from "
        "03/12/2024. No lymphadenopathy. Impression one new right lower lobe nodule twelve millimeters, two "
        "follow up in three months",
        "CT of the chest was performed without contrast.\n"
        "Comparison: 03/12/2024.\n"
        "The lungs are clear. No consolidation, pleural effusion or pneumothorax. The heart size is normal. "
        "There is a 1.2 cm nodule in the right lower lobe, not seen on the prior study. No lymphadenopathy.\n"
        "1. New right lower lobe nodule, 12 mm.\n"
        "2. Follow-up in 3 months.",
    ),
    (
        "en",
        "tr",
        "The right kidney measures 11.2 cm and the left 10.8 cm. No hydronephrosis. No stones. The bladder is "
        "unremarkable. The uterus measures 7.1 by 3.4 by 4.2 centimeters. Endometrium is 6 millimeters. No "
        "adnexal mass. There is no free fluid. Left ovary is not visualized.",
        "Sağ böbrek 11,2 cm, sol böbrek 10,8 cm ölçülmüştür. Hidronefroz ve taş izlenmemiştir. Mesane "
        "doğaldır. Uterus 7,1x3,4x4,2 cm boyutlarındadır. Endometrium 6 mm'dir. Adneksiyal kitle "
        "saptanmamıştır. Serbest sıvı yoktur. Sol over izlenememiştir.",
    ),
]


@pytest.mark.parametrize(("spoken", "output", "said", "written"), DICTATED)
def test_a_report_that_says_what_was_dictated_has_no_warnings(
    spoken: str, output: str, said: str, written: str
) -> None:
    assert differences(said, written, spoken, output) == ()


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("No evidence of pneumothorax", "Evidence of pneumothorax", "negation"),
        ("There is no pleural effusion", "There is pleural effusion", "negation"),
        ("right frontal", "left frontal", "side"),
        ("1.2 cm", "12 cm", "number"),
        ("L5-S1", "L4-S1", "level"),
        ("both knees", "no knees", "negation"),
    ],
)
def test_a_translation_that_says_something_else_is_seen(before: str, after: str, kind: str) -> None:
    spoiled = TRANSLATED["en"].replace(before, after).replace(before.capitalize(), after.capitalize())
    assert spoiled != TRANSLATED["en"]
    assert kind in {each.kind for each in differences(TRANSLATED["tr"], spoiled, "tr", "en")}


def test_a_warning_says_what_and_where() -> None:
    assert differences("No pneumothorax. No effusion.", "Pneumothorax. No effusion.", "en", "en") == (
        Warning("negation", "No pneumothorax", "said"),
    )
    assert differences("Sağ böbrekte 5 mm taş.", "Sol böbrekte 5 cm taş.", "tr", "tr") == (
        Warning("number", "5 mm", "said"),
        Warning("side", "Sağ böbrekte", "said"),
        Warning("number", "5 cm", "written"),
        Warning("side", "Sol böbrekte", "written"),
    )
    assert differences("L4-L5", "L3-L4", "tr", "en") == (
        Warning("level", "L4-L5", "said"),
        Warning("level", "L3-L4", "written"),
    )


def test_stones_that_change_kidneys_are_seen() -> None:
    said, written = "Sağ böbrekte 5 mm taş. Sol böbrek normal.", "Sol böbrekte 5 mm taş. Sağ böbrek normal."
    assert {each.kind for each in differences(said, written, "tr", "tr")} == {"side"}
    english = "A 5 mm stone in the left kidney. The right kidney is normal."
    assert {each.kind for each in differences(said, english, "tr", "en")} == {"side"}


WORDS = "yok izlenmedi no not kein без sağ sol right both her iki L4 - L5 T2A 12 3,5 mm cm on iki yüzde % x . , ; \n 1."
SOUP = st.lists(st.one_of(st.sampled_from(WORDS.split(" ")), st.text(max_size=6)), max_size=30).map(" ".join)


@settings(deadline=None)
@given(text=SOUP, other=SOUP, language=st.sampled_from([*LANGUAGES, "fa"]), another=st.sampled_from(LANGUAGES))
def test_any_text_is_compared_and_is_the_same_as_itself(text: str, other: str, language: str, another: str) -> None:
    assert differences(text, text, language, language) == ()
    differences(text, other, language, another)
