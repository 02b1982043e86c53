"""An instance that names somebody in every standard attribute, and where that name would be seen again."""

import base64
import struct
from typing import Any

import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.sequence import Sequence

from pacs.dicom.basic_profile import DRAWN_BINARY

NAME, NUMBER = "PLANTED4711", "47114711"
DATE, TIME, AGE, UID = "19470418", "174711", "047Y", f"1.2.840.{NUMBER}"
LARGE = 47114711471.0
# What is looked for in answers; binary numbers in both sizes.
NEEDLES = (
    *(each.encode() for each in (NAME, NUMBER, DATE, TIME, AGE, UID, "PRIVATE4711")),
    base64.b64encode(NAME.encode())[:14],
    struct.pack("<d", LARGE),
    struct.pack("<f", LARGE),
    struct.pack("<q", int(LARGE)),
)
VALUES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"), NAME),
    "PN": f"{NAME}^A",
    "AS": AGE,
    "DA": DATE,
    "DT": DATE + TIME,
    "TM": TIME,
    "DS": NUMBER + "471",
    "IS": NUMBER + "471",
    "UI": UID,
    "AT": 0x47114711,
    "FD": LARGE,
    "FL": LARGE,
    "SV": int(LARGE),
    "UV": int(LARGE),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), f"{NAME}     ".encode()),
}
# What an image is made of stays as it is; numbers of 16 bits hold nobody's name.
KEPT = frozenset(
    (
        0x00080005,
        0x00080016,
        0x00080018,
        0x0020000D,
        0x0020000E,
        0x00080060,
        0x00280004,
        0x00280008,
        0x00280301,
        0x00283000,  # tables, without which nothing is drawn
        0x00283010,
        *(int(each, 16) for each in DRAWN_BINARY),
    )
)


def plant(dataset: Dataset) -> None:
    """Name somebody in every attribute that the standard knows, and in private ones, nested too."""
    nested = Dataset()
    nested.PatientName = VALUES["PN"]
    nested.PatientID = NAME
    nested.add(DataElement(0x00091010, "LO", "PRIVATE4711"))
    nested.TextValue = NAME
    nested.ReferencedSOPInstanceUID = UID
    for tag, (vr, *_) in DicomDictionary.items():
        if tag in KEPT or tag >> 16 in (0x0002, 0x7FE0, 0xFFFE) or tag & 0xFFFF == 0 or tag < 0x00080000:
            continue
        first = vr.split(" or ")[-1]
        if first == "SQ":
            dataset.add(DataElement(tag, "SQ", Sequence([nested])))
        elif first in VALUES:
            dataset.add(DataElement(tag, first, VALUES[first]))
    dataset.add(DataElement(0x00090010, "LO", "PRIVATE4711"))
    dataset.add(DataElement(0x00091001, "LO", "PRIVATE4711"))
    dataset.add(DataElement(0x60003000, "OW", VALUES["OW"]))
    dataset.add(DataElement(0x60004000, "LT", NAME))


def planted(dataset: pydicom.FileDataset) -> bytes:
    """The file, which names somebody in its preamble, its meta, behind the frames and behind the pixel data, too."""
    plant(dataset)
    dataset.preamble = (NAME.encode() * 12)[:128]
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = NAME
    meta.ImplementationVersionName = NAME
    meta.PrivateInformationCreatorUID = pydicom.uid.UID(UID)
    meta.PrivateInformation = VALUES["OB"]
    if not meta.TransferSyntaxUID.is_compressed:
        dataset.PixelData += VALUES["OB"]
    dataset.add(DataElement(0x7FE10010, "LO", "PRIVATE4711"))
    dataset.DataSetTrailingPadding = VALUES["OB"]
    buffer = DicomBytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def told(content: bytes) -> bytes:
    """An answer with what is packed in it: the values of a DICOM file as text."""
    if content[128:132] != b"DICM":
        return content
    dataset = pydicom.dcmread(DicomBytesIO(content))
    return content + str(dataset).encode() + str(dataset.file_meta).encode()
