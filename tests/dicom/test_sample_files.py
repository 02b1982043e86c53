"""Every file that pydicom brings: read as pydicom reads it, or refused for a reason that stands here."""

import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_files
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from pacs.dicom.elements import LARGE_BYTES
from pacs.dicom.frames import FrameTable, locate_frames
from pacs.dicom.header import Header, parse_header, read_header
from pacs.dicom.index_row import index_row
from pacs.dicom.json import to_dicom_json
from pacs.dicom.source import BytesSource
from pacs.dicom.uids import is_uid
from pacs.errors import InvalidInstance, MissingUid, UndecodablePixels

FILES = {
    "/".join(path.parts[path.parts.index("data") + 2 :]): path
    for path in map(Path, [*get_testdata_files(), *get_charset_files()])
    if path.is_file()
}
NO_DICOM = "this is no DICOM object"
TRUNCATED = "the object ends in the middle of its header"
REFUSED = {
    "FileInfo.txt": NO_DICOM,
    "README.txt": NO_DICOM,
    "crayons.icc": NO_DICOM,
    "dicomdirtests/README.txt": NO_DICOM,
    "dicomdirtests/TINY_ALPHA/README": NO_DICOM,
    "no_meta.dcm": NO_DICOM,  # a stray byte stands before the first element
    "rtplan.dump": NO_DICOM,
    "rtstruct.dump": NO_DICOM,
    "test1.json": NO_DICOM,
    "test_PN.json": NO_DICOM,
    "zipMR.gz": NO_DICOM,
    "dicomdirtests/DICOMDIR-nooffset": TRUNCATED,  # bytes were taken out of a sequence of known length
    "rtplan_truncated.dcm": TRUNCATED,
}
WITHOUT_UIDS = {
    "JPEGLSNearLossless_08.dcm": "StudyInstanceUID",
    "JPEGLSNearLossless_16.dcm": "StudyInstanceUID",
    "SC_rgb_jls_lossy_line.dcm": "StudyInstanceUID",
    "SC_rgb_jls_lossy_sample.dcm": "StudyInstanceUID",
    "UN_sequence.dcm": "SOPClassUID",
    "dicomdirtests/DICOMDIR": "SOPClassUID",
    "dicomdirtests/DICOMDIR-bigEnd": "SOPClassUID",
    "dicomdirtests/DICOMDIR-empty.dcm": "SOPClassUID",
    "dicomdirtests/DICOMDIR-implicit": "SOPClassUID",
    "dicomdirtests/DICOMDIR-nopatient": "SOPClassUID",
    "dicomdirtests/DICOMDIR-reordered": "SOPClassUID",
    "dicomdirtests/TINY_ALPHA/DICOMDIR": "SOPClassUID",
    "empty_charset_LEI.dcm": "SOPClassUID",
    "chrSQEncoding.dcm": "SOPClassUID",
    "chrSQEncoding1.dcm": "SOPClassUID",
    "meta_missing_tsyntax.dcm": "SOPClassUID",
    "nested_priv_SQ.dcm": "SOPClassUID",
    "no_meta_group_length.dcm": "SOPClassUID",
    "priv_SQ.dcm": "SOPClassUID",
}
WITHOUT_WHOLE_FRAME = {"MR_truncated.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}
READABLE = sorted(FILES.keys() - REFUSED.keys())


def parsed(name: str) -> tuple[bytes, Header]:
    content = FILES[name].read_bytes()
    return content, parse_header(BytesSource(content))


def as_pydicom_reads(name: str, stop_before_pixels: bool = False) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(FILES[name], force=True, stop_before_pixels=stop_before_pixels)


def test_there_are_files() -> None:
    assert len(FILES) > 180
    assert REFUSED.keys() | WITHOUT_UIDS.keys() <= FILES.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_for_its_reason(name: str) -> None:
    with pytest.raises(InvalidInstance) as caught:
        parsed(name)
    assert caught.value.message == REFUSED[name]


@pytest.mark.parametrize("name", READABLE)
def test_the_header_is_what_pydicom_reads(name: str) -> None:
    _, header = parsed(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = Dataset(as_pydicom_reads(name, stop_before_pixels=True))
        drop_large(expected)
        assert header.dataset == expected
    assert header.transfer_syntax_uid == str(expected_syntax(name) or header.transfer_syntax_uid)


def drop_large(dataset: Dataset) -> None:
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                drop_large(item)
        elif isinstance(element.value, bytes) and len(element.value) > LARGE_BYTES:
            del dataset[element.tag]


def expected_syntax(name: str) -> str | None:
    uid: str | None = as_pydicom_reads(name, stop_before_pixels=True).file_meta.get("TransferSyntaxUID")
    return uid


@pytest.mark.parametrize("name", READABLE)
def test_uids_are_there_or_named(name: str) -> None:
    source = BytesSource(FILES[name].read_bytes())
    if name not in WITHOUT_UIDS:
        assert is_uid(read_header(source).sop_instance_uid)
        return
    with pytest.raises(MissingUid) as caught:
        read_header(source)
    assert caught.value.field == WITHOUT_UIDS[name]


@pytest.mark.parametrize("name", READABLE)
def test_frames_are_pydicoms(name: str) -> None:
    content, header = parsed(name)
    source = BytesSource(content)
    if name in WITHOUT_WHOLE_FRAME:
        with pytest.raises(UndecodablePixels):
            locate_frames(source, header)
        return
    table = locate_frames(source, header)
    assert FrameTable.unpack(table.pack(), header.transfer_syntax_uid) == table
    if header.pixel_data is None or header.deflated:
        return
    frames = [read_frame(content, table, number) for number in range(1, table.number_of_frames + 1)]
    dataset = as_pydicom_reads(name)
    pixels = dataset.PixelData
    if table.kind == "native":
        whole = b"".join(frames)
        assert pixels[: len(whole)] == whole
        assert len(pixels) - len(whole) <= (128 if name == "MR_small_padded.dcm" else 1)
    else:
        assert frames == list(generate_frames(pixels, number_of_frames=int(dataset.get("NumberOfFrames") or 1)))


def read_frame(content: bytes, table: FrameTable, number: int) -> bytes:
    offset, length = table.range_of(number)
    return table.frame_bytes(content[offset : offset + length], number)


@pytest.mark.parametrize("name", READABLE)
def test_json_and_index_row_are_made(name: str) -> None:
    content, header = parsed(name)
    result = to_dicom_json(header, bulkdata_uri=str)
    assert list(result) == sorted(result)
    assert "00080005" not in result or result["00080005"]["Value"] == ["ISO_IR 192"]
    for path in bulk_paths(result):
        located = header.locate(path)
        assert path == "7FE00010" or (located and located.offset + located.length <= len(content))
    assert index_row(header)["sop_instance_uid"] == header.sop_instance_uid


def bulk_paths(result: dict[str, Any]) -> list[str]:
    paths = []
    for element in result.values():
        if "BulkDataURI" in element:
            paths.append(element["BulkDataURI"])
        elif element["vr"] == "SQ":
            paths += [path for item in element.get("Value", []) for path in bulk_paths(item)]
    return paths
