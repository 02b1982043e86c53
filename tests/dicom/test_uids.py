import pytest

from pacs.dicom.uids import is_uid, require_uid
from pacs.errors import MissingUid


@pytest.mark.parametrize("text", ["1.2.840.10008.1.2", "0", "1.02.3", "1." + "2" * 62])
def test_a_uid_is_accepted(text: str) -> None:
    assert require_uid(text, "StudyInstanceUID") == text


@pytest.mark.parametrize("text", ["", ".", "1..2", ".1", "1.", "1.2a", "1 .2", "1.2\n", "١.٢", "1." + "2" * 63, "../1"])
def test_what_is_no_uid_is_refused_by_its_keyword(text: str) -> None:
    assert not is_uid(text)
    with pytest.raises(MissingUid) as caught:
        require_uid(text, "StudyInstanceUID")
    assert caught.value.field == "StudyInstanceUID"
    assert not text or text not in caught.value.message
