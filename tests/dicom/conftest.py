"""Objects made for the tests of the dicom room."""

import io
from collections.abc import Callable
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

MakePart10 = Callable[..., bytes]


@pytest.fixture
def make_part10() -> MakePart10:
    return _make_part10


def _make_part10(transfer_syntax_uid: str = "1.2.840.10008.1.2.1", pixel_bytes: bytes = b"", **values: Any) -> bytes:
    """A small object with these attributes by keyword (bytes values: any VR's raw text), encoded by pydicom;
    `pixel_bytes` are appended as an encapsulated value, offset table, items and delimiter included.
    """
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.3.4.5.6"
    dataset.StudyInstanceUID = "1.2.3.4"
    dataset.SeriesInstanceUID = "1.2.3.4.5"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(transfer_syntax_uid)
    target = io.BytesIO()
    pydicom.dcmwrite(target, dataset, enforce_file_format=True)
    encapsulated = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + pixel_bytes if pixel_bytes else b""
    return target.getvalue() + encapsulated
