"""Videos as players ask for them: the stream as it is stored, under the name of what it is."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import UID, VideoPhotographicImageStorage

MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 16
TRANSPORT = (b"G" + bytes(187)) * 20
MPEG_2, H264, FRAGMENTABLE, H265 = (f"1.2.840.10008.1.2.4.{number}" for number in ("100", "102", "102.1", "107"))


def added(clinic: Any, stream: bytes, syntax: str, *, fragments: int = 1) -> str:
    """The path of a video whose stream is stored in this syntax."""
    path = get_testdata_file("SC_rgb_small_odd.dcm", download=False)
    assert isinstance(path, str)
    dataset = dcmread(BytesIO(Path(path).read_bytes()))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = VideoPhotographicImageStorage
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.NumberOfFrames, dataset.PhotometricInterpretation = 25, "YBR_PARTIAL_420"
    dataset.PixelData = encapsulate([stream], fragments_per_frame=fragments, has_bot=False)
    dataset["PixelData"].VR = "OB"
    out = BytesIO()
    dataset.save_as(out)
    stored = clinic.add(out.getvalue())
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}/rendered"


@pytest.mark.parametrize(
    ("stream", "syntax", "media_type"),
    [
        (MP4, H264, "video/mp4"),
        (MP4, H265, "video/mp4"),
        (TRANSPORT, H264, "video/mp2t"),
        (TRANSPORT, MPEG_2, "video/mp2t"),
        (b"\0\0\1\xb3" + bytes(60), MPEG_2, "video/mpeg"),
        (b"\0\0\0\1\x67" + bytes(59), H264, "video/h264"),
        (b"\0\0\0\1\x40" + bytes(59), H265, "video/h265"),
    ],
)
def test_a_stream_comes_as_it_is_and_is_called_what_it_is(
    clinic: Any, stream: bytes, syntax: str, media_type: str
) -> None:
    path = added(clinic, stream, syntax)
    for accept in ("*/*", "video/*", media_type):
        answer = clinic.get(path, Accept=accept)
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, media_type, stream)
    part = clinic.get(path, Range="bytes=4-11")
    assert (part.status_code, part.content) == (206, stream[4:12])


def test_fragments_of_a_stream_are_joined(clinic: Any) -> None:
    assert clinic.get(added(clinic, MP4, FRAGMENTABLE, fragments=3), Accept="video/mp4").content == MP4


@pytest.mark.parametrize(("stream", "accept"), [(MP4, "image/jpeg"), (TRANSPORT, "video/mp4")])
def test_nothing_is_made_of_a_video_and_the_answer_says_what_there_is(clinic: Any, stream: bytes, accept: str) -> None:
    refused = clinic.get(added(clinic, stream, H264), Accept=accept)
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert ("video/mp4" if stream is MP4 else "video/mp2t") in refused.json()["message"]
