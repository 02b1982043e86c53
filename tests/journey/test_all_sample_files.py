"""Every file that pydicom's wheel brings, sent through the DICOM door: stored and answered, or refused for a reason."""

import hashlib

import httpx2
import pytest
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from tests.gateway.sender import Sender
from tests.journey.archive import AS_STORED, Archive, until
from tests.journey.sample_files import (
    FILES,
    Sent,
    decoded_frames,
    instance_of,
    number_of_frames,
    part_of,
    read,
    stored_frames,
)

AS_VIEWERS = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
DECODED = {"Accept": f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"}

NO_DICOM = (0xC000, "the object ends in the middle of its header")
NO_CLASS = (0xC000, "SOPClassUID is missing")
NO_STUDY = (0xC000, "StudyInstanceUID is missing")
REFUSED = {
    "charset_files/FileInfo.txt": NO_DICOM,
    "charset_files/chrSQEncoding.dcm": NO_CLASS,
    "charset_files/chrSQEncoding1.dcm": NO_CLASS,
    "palettes/README.md": NO_DICOM,
    "test_files/JPEGLSNearLossless_08.dcm": NO_STUDY,
    "test_files/JPEGLSNearLossless_16.dcm": NO_STUDY,
    "test_files/README.txt": NO_DICOM,
    "test_files/SC_rgb_jls_lossy_line.dcm": NO_STUDY,
    "test_files/SC_rgb_jls_lossy_sample.dcm": NO_STUDY,
    "test_files/UN_sequence.dcm": NO_CLASS,
    "test_files/crayons.icc": NO_DICOM,
    "test_files/dicomdirtests/DICOMDIR": NO_CLASS,
    "test_files/dicomdirtests/DICOMDIR-bigEnd": NO_CLASS,
    "test_files/dicomdirtests/DICOMDIR-empty.dcm": NO_CLASS,
    "test_files/dicomdirtests/DICOMDIR-implicit": NO_CLASS,
    "test_files/dicomdirtests/DICOMDIR-nooffset": NO_DICOM,  # bytes are missing in a sequence of known length
    "test_files/dicomdirtests/DICOMDIR-nopatient": NO_CLASS,
    "test_files/dicomdirtests/DICOMDIR-reordered": NO_CLASS,
    "test_files/dicomdirtests/README.txt": NO_DICOM,
    "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": NO_CLASS,
    "test_files/dicomdirtests/TINY_ALPHA/README": NO_DICOM,
    "test_files/empty_charset_LEI.dcm": NO_CLASS,
    "test_files/meta_missing_tsyntax.dcm": NO_CLASS,
    "test_files/nested_priv_SQ.dcm": NO_CLASS,
    "test_files/no_meta.dcm": NO_DICOM,  # a stray byte stands before the first element
    "test_files/no_meta_group_length.dcm": NO_CLASS,
    "test_files/priv_SQ.dcm": NO_CLASS,
    "test_files/rtplan.dump": NO_DICOM,
    "test_files/rtplan_truncated.dcm": NO_DICOM,  # it ends behind its UIDs, in a sequence
    "test_files/rtstruct.dump": NO_DICOM,
    "test_files/test1.json": NO_DICOM,
    "test_files/test_PN.json": NO_DICOM,
    "test_files/zipMR.gz": NO_DICOM,
}
# Stored, and in no study.
OF_NO_PATIENT = {name for name in FILES if name.startswith("palettes/") and name.endswith(".dcm")}
STORED = sorted(FILES.keys() - REFUSED.keys() - OF_NO_PATIENT)
# Stored and given back as they are, and listed in `pacs failures` with this code.
WITHOUT_FRAMES = {"test_files/MR_truncated.dcm": "UNDECODABLE_PIXELS"}  # its one frame is not whole
# Sent to viewers as stored; our codecs, and pydicom's, decode them not.
UNDECODABLE = {
    "test_files/JPEG-lossy.dcm",  # 12 bits
    "test_files/JPEG2000-embedded-sequence-delimiter.dcm",
}
# Uncompressed, and made RGB for viewers all the same.
UNDRAWABLE = {"test_files/SC_ybr_full_422_uncompressed.dcm"}
LOSSLESS = {RLELossless, JPEG2000Lossless, "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"}


@pytest.fixture(scope="module")
def sent(running: Archive) -> dict[str, Sent]:
    """Every file, sent in rounds: some are versions of one instance, of which the newest is answered."""
    files = {name: Sent(name, instance_of(name)) for name in FILES}
    rounds: list[dict[tuple[str, ...], Sent]] = []
    for each in files.values():
        members = next((members for members in rounds if each.instance.uids not in members), None)
        if members is None:
            rounds.append(members := {})
        members[each.instance.uids] = each
    with running.browser() as browser:
        for members in rounds:
            send_round(running, browser, list(members.values()))
    return files


def send_round(archive: Archive, browser: httpx2.Client, files: list[Sent]) -> None:
    """Send files, and ask for each at once, whether anything was made of it beforehand or not."""
    for each in files:
        send(archive, each)
    stored = [each for each in files if each.status == 0 and each.name not in OF_NO_PATIENT]
    digests = {hashlib.sha256(each.instance.part10).hexdigest() for each in stored}
    until(lambda: digests <= archive.indexed(), "not everything is indexed")
    for each in stored:
        ask(browser, each)
    expected = {f"{'/'.join(each.instance.uids)}.dcm": each for each in stored if each.name in WITHOUT_FRAMES}
    until(lambda: expected.keys() <= listed(archive, expected), "not every failure is listed")


def send(archive: Archive, file: Sent) -> None:
    instance = file.instance
    contexts = [(instance.sop_class_uid, [instance.transfer_syntax_uid])]
    with Sender(archive.dicom_port, contexts=contexts) as sender:
        if sender.accepted:
            answer = sender.store(instance.encoded, instance.sop_class_uid, instance.sop_instance_uid)
            file.status, file.comment = answer
        sender.release()


def ask(browser: httpx2.Client, file: Sent) -> None:
    study, series, instance = file.instance.uids
    path = file.instance.path
    query = f"/dicomweb/studies/{study}/series/{series}/instances?SOPInstanceUID={instance}"
    file.found = browser.get(query).json()
    file.original = browser.get(path, headers=AS_STORED)
    for name in ("metadata", "rendered", "thumbnail"):
        file.answers[name] = browser.get(f"{path}/{name}")
    for number in range(1, max(1, number_of_frames(read(file.name))) + 1):
        file.as_viewers_ask.append(browser.get(f"{path}/frames/{number}", headers=AS_VIEWERS))
        file.decoded.append(browser.get(f"{path}/frames/{number}", headers=DECODED))


def listed(archive: Archive, expected: dict[str, Sent]) -> set[str]:
    """Those of the objects that `pacs failures` lists; their codes are kept."""
    found = set()
    for failure in archive.pacs("failures")["failures"] if expected else []:
        key = failure["object_key"].partition("/")[2]
        if key in expected:
            expected[key].failures.add(failure["code"])
            found.add(key)
    return found


def test_there_are_files() -> None:
    assert len(FILES) > 190
    assert REFUSED.keys() | WITHOUT_FRAMES.keys() | UNDECODABLE <= FILES.keys()


def test_what_is_refused_is_refused_for_its_reason(sent: dict[str, Sent]) -> None:
    assert {name: (each.status, each.comment) for name, each in sent.items() if each.status != 0} == REFUSED


def test_what_fails_later_is_listed_with_its_reason(sent: dict[str, Sent]) -> None:
    assert {name: {code} for name, code in WITHOUT_FRAMES.items()} == {
        name: sent[name].failures for name in WITHOUT_FRAMES
    }


@pytest.mark.parametrize("name", STORED)
def test_it_comes_back_byte_by_byte(sent: dict[str, Sent], name: str) -> None:
    assert sent[name].original.content == sent[name].instance.part10


@pytest.mark.parametrize("name", STORED)
def test_it_is_found_and_described(sent: dict[str, Sent], name: str) -> None:
    (found,) = sent[name].found
    assert found["00083002"]["Value"] == [sent[name].instance.transfer_syntax_uid]
    (document,) = sent[name].answers["metadata"].json()
    assert document["00080018"]["Value"] == [sent[name].instance.sop_instance_uid]


@pytest.mark.parametrize("name", [name for name in STORED if number_of_frames(read(name))])
def test_its_frames_are_pydicoms(sent: dict[str, Sent], name: str) -> None:
    file, dataset = sent[name], read(name)
    syntax = UID(file.instance.transfer_syntax_uid)
    as_stored = {syntax} if syntax != DeflatedExplicitVRLittleEndian else {ExplicitVRLittleEndian}
    if name in WITHOUT_FRAMES:
        assert {each.status_code for each in file.as_viewers_ask + file.decoded} == {404}
        return
    assert {each.status_code for each in file.as_viewers_ask} == {200}
    frames = [part_of(each) for each in file.as_viewers_ask]
    if {syntax for syntax, _body in frames} != as_stored or name in UNDRAWABLE:
        assert [body for _syntax, body in frames] == decoded_frames(dataset)
    else:
        assert [body for _syntax, body in frames] == stored_frames(dataset, syntax)
    if name in UNDECODABLE:
        assert {each.status_code for each in file.decoded} == {422}
        return
    assert {each.status_code for each in file.decoded} == {200}
    if syntax in LOSSLESS:
        assert [each.content for each in file.decoded] == decoded_frames(dataset)


@pytest.mark.parametrize("name", STORED)
def test_its_picture_is_drawn_when_it_has_one(sent: dict[str, Sent], name: str) -> None:
    drawn = 200 if number_of_frames(read(name)) and name not in WITHOUT_FRAMES else 404
    expected = 422 if name in UNDECODABLE else drawn
    for each in ("rendered", "thumbnail"):
        assert sent[name].answers[each].status_code == expected
