"""Sentences of what was spoken: nothing of it is lost, and each knows when."""

from hypothesis import given
from hypothesis import strategies as st

from pacs.dictation.sentences import Sentence, sentences_of, transcript_of
from pacs.ports import Spoken


def texts(*spoken: str) -> list[str]:
    return [each.text for each in sentences_of(Spoken(text) for text in spoken)]


def test_sentences_end_inside_stretches_and_go_on_over_them() -> None:
    spoken = (" Akciğerler doğal. Plevral", " efüzyon yok. Kalp", " boyutu normal.")
    assert texts(*spoken) == ["Akciğerler doğal.", "Plevral efüzyon yok.", "Kalp boyutu normal."]


def test_what_is_short_for_something_ends_no_sentence() -> None:
    assert texts("İsteyen Dr. A. Yılmaz. Bkz. önceki tetkik.") == ["İsteyen Dr. A. Yılmaz.", "Bkz. önceki tetkik."]
    assert texts("3. kosta kırık. 4.5 mm nodül. 1. Karaciğer. 2. Dalak.") == [
        "3. kosta kırık.",
        "4.5 mm nodül.",
        "1. Karaciğer.",
        "2. Dalak.",
    ]


def test_where_no_full_stop_is_heard_a_stretch_ends_a_long_sentence() -> None:
    stretch = " ".join(["kelime"] * 20)
    assert [len(each.split()) for each in texts(stretch, stretch, stretch)] == [40, 20]


def test_moments_inside_a_stretch_are_told_by_its_letters() -> None:
    found = sentences_of([Spoken("Aaaa. Bbbb.", 2.0, 4.0), Spoken("Cc", 4.5, 5.0)])
    assert found == (Sentence("Aaaa.", 2.0, 3.0), Sentence("Bbbb.", 3.0, 4.0), Sentence("Cc", 4.5, 5.0))


def test_without_moments_there_are_none() -> None:
    assert sentences_of([Spoken("Aaaa. Bbbb.")]) == (Sentence("Aaaa.", None, None), Sentence("Bbbb.", None, None))
    assert sentences_of([Spoken(" "), Spoken("")]) == ()


stretches = st.lists(st.text(st.sampled_from("ab Ğ.!?…1)\n"), max_size=60), max_size=8)


@given(stretches)
def test_joined_they_are_the_transcript(spoken: list[str]) -> None:
    found = sentences_of(Spoken(text, at, at + 1.0) for at, text in enumerate(spoken))
    assert transcript_of(found) == " ".join(" ".join(spoken).split())
    moments = [moment for each in found for moment in (each.start_s, each.end_s) if moment is not None]
    assert moments == sorted(moments) and len(moments) == 2 * len(found)
