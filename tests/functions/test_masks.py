"""Pictures with names drawn in: not shown by links with privacy, or shown blank where a mask says so; nobody else's."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from pacs.archive.masks import NewMask, add_mask, list_masks, remove_mask
from pacs.errors import BadRequest, NotFound
from pacs.people.scope import Scope
from tests.functions.test_privacy import instance_path, read, token_of, told_of

# Left, top, width, height.
BLANK = ((0, 0, 60, 20), (80, 50, 20, 50))


def ultrasound(sample: Callable[[str], bytes], name: str) -> bytes:
    """A picture of an ultrasound device that says that names are drawn in."""
    dataset = pydicom.dcmread(io.BytesIO(sample(name)))
    dataset.Modality, dataset.Manufacturer, dataset.BurnedInAnnotation = "US", "GE Healthcare", "YES"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def mask(clinic: Any, scope: Scope | None = None, **given: Any) -> str:
    size = {"modality": "us", "rows": 100, "columns": 100, "rectangles": BLANK, "manufacturer": "GE HEALTHCARE"}
    return add_mask(clinic.services.database, scope or clinic.scope, NewMask(**{**size, **given}))


def is_blank(pixels: Any) -> bool:
    return not any(pixels[top : top + height, left : left + width].any() for left, top, width, height in BLANK)


def outside(pixels: Any) -> Any:
    copy = np.array(pixels)
    for left, top, width, height in BLANK:
        copy[top : top + height, left : left + width] = 0
    return copy


# Uncompressed, run lengths, lossy JPEG, two frames.
@pytest.mark.parametrize(
    "name",
    ["SC_ybr_full_422_uncompressed.dcm", "SC_rgb_rle.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_2frame.dcm"],
)
def test_a_masked_picture_is_shown_without_what_is_drawn_there(
    clinic: Any, sample: Callable[[str], bytes], name: str
) -> None:
    body = ultrasound(sample, name)
    stored = clinic.add(body)
    token = token_of(clinic, stored.study)
    assert read(clinic, token, "/instances").json() == []
    mask(clinic)
    clinic.derive()
    own = f"/studies/{stored.study}/thumbnail"
    everything = clinic.get(own, Accept="image/jpeg").content
    known = told_of(clinic, token)
    path = instance_path(known)
    expected = pydicom.dcmread(io.BytesIO(body))
    pixels = outside(frames_of(expected)[0])
    frame = read(clinic, token, path + "/frames/1", Accept='application/octet-stream; transfer-syntax="*"')
    assert np.array_equal(np.frombuffer(frame.content, pixels.dtype).reshape(pixels.shape), pixels)
    [told] = read(clinic, token, path + "/metadata").json()
    assert (told["00280301"]["Value"], told["00280004"]["Value"]) == (["NO"], ["RGB"])
    file = pydicom.dcmread(io.BytesIO(read(clinic, token, path, Accept="application/dicom").content))
    assert file.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert [each.CodeValue for each in file.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    wanted = [outside(each) for each in frames_of(expected)]
    assert np.array_equal(frames_of(file), wanted)
    for kind in ("/rendered", "/thumbnail", "/frames/1/rendered", "/frames/1/thumbnail"):
        picture = read(clinic, token, path + kind, Accept="image/jpeg" if "thumb" in kind else "image/png")
        drawn = np.array(Image.open(io.BytesIO(picture.content)).convert("L").resize((100, 100)))
        assert drawn[:16, :54].max() < 16, kind
        assert drawn.max() > 60, kind
    assert clinic.get(own, Accept="image/jpeg").content == everything, "its own people see all of it"


def frames_of(dataset: Dataset) -> Any:
    """Every frame in RGB, as pydicom decodes it."""
    pixels = pixel_array(dataset)
    return pixels if pixels.ndim == 4 else pixels[None]


def test_a_mask_is_for_its_devices_alone(clinic: Any, sample: Callable[[str], bytes]) -> None:
    stored = clinic.add(ultrasound(sample, "SC_rgb_rle.dcm"))
    token = token_of(clinic, stored.study)
    stranger = Scope("00000000-0000-4000-8000-000000000000", "admin")
    mask(clinic, stranger)
    for other in ({"manufacturer": "Philips"}, {"rows": 99, "rectangles": BLANK[:1]}, {"modality": "OT"}):
        mask(clinic, **other)
    assert read(clinic, token, "/instances").json() == []
    fits = mask(clinic, manufacturer="")
    assert len(read(clinic, token, "/instances").json()) == 1
    assert len(list_masks(clinic.services.database, clinic.scope)) == 4
    with pytest.raises(NotFound):
        remove_mask(clinic.services.database, stranger, fits)
    remove_mask(clinic.services.database, clinic.scope, fits)
    assert read(clinic, token, "/instances").json() == []
    wrong: dict[str, Any]
    for wrong in ({"rectangles": []}, {"rectangles": [(90, 0, 20, 10)]}, {"rows": 0}, {"modality": "U S"}):
        with pytest.raises(BadRequest):
            mask(clinic, **wrong)
