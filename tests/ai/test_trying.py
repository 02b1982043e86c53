"""A provider is tried with a file: what it is sent, and what is told when it cannot be."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pydicom.data
import pytest
from PIL import Image

from pacs.ai.trying import jpeg_of, try_out
from pacs.errors import BadRequest
from tests.ai.house import House
from tests.ai.house import house as house
from tests.ai.house import one_database as one_database
from tests.models.fake_models import FakeModels, serving

BUNDLED = Path(pydicom.data.__file__).parent / "test_files"


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found


@pytest.fixture
def clinic(house: House, models: FakeModels) -> House:
    house.says = None
    house.set(ai_openai_url=models.url)
    return house


def test_an_answer_is_counted_and_told(clinic: House, models: FakeModels) -> None:
    tried = try_out(clinic, clinic.scope, "openai", BUNDLED / "CT_small.dcm")
    assert (tried.failure, tried.said, tried.model) == ("", models.finding, "gpt-5.5")
    assert tried.tokens_in and tried.tokens_out and tried.images == 1 and tried.cost
    assert [each["purpose"] for each in clinic.events()] == ["test"]
    models.troubles = ["wrong"]
    failed = try_out(clinic, clinic.scope, "openai")
    assert failed.failure.startswith("answers what is of no use: the document has") and failed.said == ""
    assert failed.tokens_out, "it is paid for all the same"


@pytest.mark.parametrize(
    ("name", "size"),
    [("CT_small.dcm", (128, 128)), ("MR_small_RLE.dcm", (64, 64)), ("examples_ybr_color.dcm", (320, 240))],
)
def test_files_of_dicom_are_sent_as_they_look(name: str, size: tuple[int, int]) -> None:
    image = Image.open(BytesIO(jpeg_of(BUNDLED / name, 1536)))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", size)


def test_pictures_are_made_smaller_and_lose_what_else_they_hold(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Lestrade^G"
    Image.new("RGB", (4000, 20), "red").save(tmp_path / "wide.jpg", exif=exif)
    sent = jpeg_of(tmp_path / "wide.jpg", 1000)
    assert Image.open(BytesIO(sent)).size == (1000, 5) and b"Lestrade" not in sent


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (Path(__file__), "test_trying.py: neither DICOM nor a picture"),
        (BUNDLED / "rtplan.dcm", "rtplan.dcm: no picture can be made of it"),
        (Path("/there/is/nothing"), "/there/is/nothing: No such file or directory"),
        (Path("/"), "/: Is a directory"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_what_is_no_picture_is_refused_by_name(clinic: House, models: FakeModels, file: Path, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        try_out(clinic, clinic.scope, "openai", file)
    assert (refused.value.message.endswith(told), refused.value.field) == (True, "image")
    assert models.asked == []


def test_who_sees_nothing_is_sent_no_picture(clinic: House) -> None:
    with pytest.raises(BadRequest, match="deepseek sees no images"):
        try_out(clinic, clinic.scope, "deepseek", BUNDLED / "CT_small.dcm")
