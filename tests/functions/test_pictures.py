"""Rendered pictures as a client asks for them: regions, mirrors, animations, and headers that are hard to draw."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pacs.dicom.colouring import profile

Sample = Callable[[str], bytes]


def path_of(stored: Any) -> str:
    return f"/studies/{stored.study}/series/{stored.series}/instances/{stored.sop_instance_uid}"


def shown(clinic: Any, path: str, query: str = "") -> Any:
    """The samples of a picture."""
    answer = clinic.get(f"{path}/rendered?{query}", Accept="image/png")
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(BytesIO(answer.content)))


def written(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def changed(body: bytes, **values: Any) -> Dataset:
    dataset = dcmread(BytesIO(body))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_regions_and_mirrors(clinic: Any, sample: Sample) -> None:
    path = path_of(clinic.add(sample("CT_small.dcm")))
    whole = shown(clinic, path)
    region = whole[20:60, 10:40]
    np.testing.assert_array_equal(shown(clinic, path, "viewport=30,40,10,20,30,40"), region)
    np.testing.assert_array_equal(shown(clinic, path, "viewport=30,40,10,20,-30,40"), region[:, ::-1])
    np.testing.assert_array_equal(shown(clinic, path, "viewport=30,40,10,20,-30,-40"), region[::-1, ::-1])
    np.testing.assert_array_equal(shown(clinic, path, "viewport=28,128,100"), whole[:, 100:])
    np.testing.assert_array_equal(shown(clinic, path, "iccprofile=no"), whole)
    assert shown(clinic, path, "viewport=60,800,10,20,30,40").shape == (80, 60)
    outside = clinic.get(f"{path}/rendered?viewport=30,40,200,0,10,10")
    assert (outside.status_code, outside.json()["field"]) == (400, "viewport")


def refused(clinic: Any, path: str, accept: str = "image/png") -> tuple[int, str]:
    answer = clinic.get(path, Accept=accept)
    return answer.status_code, answer.json()["field"]


def test_what_is_written_into_a_picture(clinic: Any, sample: Sample) -> None:
    body = written(changed(sample("CT_small.dcm"), SpecificCharacterSet="ISO_IR 192", PatientName="Öğüt^İpek"))
    path = path_of(clinic.add(body))
    plain = shown(clinic, path).astype(int)
    patient, technique, both = (
        shown(clinic, path, f"annotation={each}") for each in ("patient", "technique", "patient,technique")
    )
    assert np.abs(patient - plain)[:40].max() > 50
    assert (patient[64:] == plain[64:]).all()
    assert np.abs(technique - plain)[64:].max() > 50
    assert (technique[:20] == plain[:20]).all()
    assert (both[:20] == patient[:20]).all()
    answer = clinic.get(f"{path}/rendered?annotation=technique,acme", Accept="image/png")
    assert answer.headers["warning"] == '299 bulut-pacs: "The following annotation values are not supported: acme"'
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(answer.content))), technique)
    assert refused(clinic, f"{path}/rendered?annotation=") == (400, "annotation")
    assert refused(clinic, f"{path}/rendered?window=40,400") == (400, "window")
    assert refused(clinic, f"{path}/thumbnail?viewport=9,9,0,0,9,9", "image/jpeg") == (400, "viewport")


def test_pictures_with_colour_profiles(clinic: Any, sample: Sample) -> None:
    grey = path_of(clinic.add(sample("CT_small.dcm")))
    path = path_of(clinic.add(written(changed(sample("SC_rgb_rle.dcm"), ICCProfile=profile("adobergb")))))
    for accept in ("image/png", "image/jpeg"):
        told = {
            query: Image.open(BytesIO(clinic.get(f"{path}/rendered?iccprofile={query}", Accept=accept).content))
            for query in ("no", "yes", "srgb", "rommrgb")
        }
        names = {"no": None, "yes": profile("adobergb"), "srgb": profile("srgb"), "rommrgb": profile("rommrgb")}
        assert {query: each.info.get("icc_profile") for query, each in told.items()} == names
    greys = Image.open(BytesIO(clinic.get(f"{grey}/rendered?iccprofile=yes", Accept="image/png").content))
    assert (greys.mode, greys.info["icc_profile"]) == ("RGB", profile("srgb"))
    assert refused(clinic, f"{path}/rendered?iccprofile=cmyk") == (400, "iccprofile")
    assert refused(clinic, f"{path}/rendered?iccprofile=yes", "image/gif") == (400, "iccprofile")


def test_a_film_is_a_gif(clinic: Any, sample: Sample) -> None:
    path = path_of(clinic.add(sample("examples_ybr_color.dcm")))
    answer = clinic.get(f"{path}/rendered?viewport=64,64", Accept="image/gif")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    film = Image.open(BytesIO(answer.content))
    assert (max(film.size), film.info["loop"]) == (64, 0)
    assert 20 < film.n_frames <= 30  # type: ignore[attr-defined]  # those that are alike are one that stands longer
    named = clinic.get(f"{path}/frames/1,3/rendered?viewport=64,64&annotation=technique", Accept="image/gif")
    assert named.content != clinic.get(f"{path}/frames/1,3/rendered?viewport=64,64", Accept="image/gif").content
    some = Image.open(BytesIO(clinic.get(f"{path}/frames/1,3,5/rendered", Accept="image/gif").content))
    assert (some.n_frames, some.size) == (3, (320, 240))  # type: ignore[attr-defined]
    assert clinic.get(f"{path}/frames/1,3/rendered", Accept="image/png").status_code == 400
    assert clinic.get(f"{path}/frames/31/rendered", Accept="image/gif").status_code == 404
    many = clinic.get(f"{path}/frames/{','.join(['1'] * 301)}/rendered", Accept="image/gif")
    assert (many.status_code, many.json()["field"]) == (400, "frames")


@pytest.mark.parametrize(
    "values",
    [
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ],
)
def test_inverse_is_the_negative_once(clinic: Any, sample: Sample, values: dict[str, Any]) -> None:
    body = sample("CT_small.dcm")
    positive = shown(clinic, path_of(clinic.add(body)))
    negative = shown(clinic, path_of(clinic.add(written(changed(body, **values)))))
    assert np.abs(negative.astype(int) - (255 - positive.astype(int))).max() <= 1


def test_a_palette_that_is_not_read_with_the_header(clinic: Any, sample: Sample) -> None:
    """65,536 entries of 16 bits are 128 KiB for each colour."""
    entries = np.arange(65536, dtype="<u2")
    stored = np.array([[0, 256], [40000, 65535]], "<u2")
    dataset = changed(
        sample("CT_small.dcm"), PhotometricInterpretation="PALETTE COLOR", Rows=2, Columns=2, PixelData=stored.tobytes()
    )
    dataset.PixelRepresentation = 0
    for name, table in (("Red", entries), ("Green", entries[::-1]), ("Blue", entries * 0)):
        dataset.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [0, 0, 16])
        dataset.add_new(f"{name}PaletteColorLookupTableData", "OW", table.tobytes())
    picture = shown(clinic, path_of(clinic.add(written(dataset))))
    red = np.round(stored / 65535 * 255).astype(int)
    assert np.abs(picture[..., 0].astype(int) - red).max() <= 1
    assert np.abs(picture[..., 1].astype(int) - (255 - red)).max() <= 1
    assert picture[..., 2].max() == 0


def test_a_lookup_table_of_values_of_interest_that_is_not_read_with_the_header(clinic: Any, sample: Sample) -> None:
    item = Dataset()
    item.LUTDescriptor = [0, 0, 16]
    item.add_new(0x00283006, "OW", np.arange(65536, dtype="<u2")[::-1].tobytes())
    stored = np.array([[0, 16384], [32768, 65535]], "<u2")
    dataset = changed(sample("CT_small.dcm"), Rows=2, Columns=2, PixelData=stored.tobytes(), PixelRepresentation=0)
    dataset.VOILUTSequence = [item]
    for keyword in ("RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.BitsStored, dataset.HighBit = 16, 15
    picture = shown(clinic, path_of(clinic.add(written(dataset))))
    assert np.abs(picture.astype(int) - np.round(255 - stored / 65535 * 255)).max() <= 1


def test_bytes_that_stand_in_swapped_pairs(clinic: Any, sample: Sample) -> None:
    """8-bit pixels of VR OW in big endian: every pair of bytes is the other way round. Source: PS3.5 §8.1.1"""
    values = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    dataset = Dataset()
    dataset.SOPClassUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
        SecondaryCaptureImageStorage,
        "1.2",
        "1.3",
    )
    dataset.Rows = dataset.Columns = dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.file_meta = FileMetaDataset()
    pictures: list[Any] = []
    for syntax, vr, pixels in (
        (ExplicitVRLittleEndian, "OB", values.tobytes()),
        (ExplicitVRBigEndian, "OW", values.reshape(-1, 2)[:, ::-1].tobytes()),
    ):
        dataset.add_new(0x7FE00010, vr, pixels)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.SOPInstanceUID = f"1.4.{len(pictures)}"
        out = BytesIO()
        dcmwrite(out, dataset, enforce_file_format=True)
        path = path_of(clinic.add(out.getvalue()))
        pictures.append(shown(clinic, path))
        explicit = f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
        assert clinic.get(f"{path}/frames/1", Accept=explicit).content == values.tobytes()
    np.testing.assert_array_equal(*pictures)
