"""Instances that belong to no patient."""

from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.1"
COLOR_PALETTE = "1.2.840.10008.5.1.4.39.1"
PROTOCOL_UID = "1.2.826.0.1.3680043.8.498.38"


def hanging_protocol(uid: str = PROTOCOL_UID, **changes: Any) -> bytes:
    """A Part 10 file."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = HANGING_PROTOCOL, uid
    ds.HangingProtocolName, ds.HangingProtocolDescription = "GÖĞÜS", "Two fields"
    ds.HangingProtocolLevel, ds.HangingProtocolCreator = "SITE", "Test^Maker"
    ds.HangingProtocolCreationDateTime = "20260101120000"
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    definitions = []
    for modality in ("CR", "DX"):
        definition = Dataset()
        definition.Modality, definition.AnatomicRegionSequence = modality, [region]
        definitions.append(definition)
    ds.HangingProtocolDefinitionSequence = definitions
    ds.NumberOfPriorsReferenced = 2
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return part10(ds)


def color_palette(uid: str = PROTOCOL_UID) -> bytes:
    """A Part 10 file with tables that are too long for a row."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.ContentLabel = COLOR_PALETTE, uid, "HOT_IRON"
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        setattr(ds, f"{colour}PaletteColorLookupTableData", bytes(range(256)) * 2)
    ds.ICCProfile = bytes(range(256)) * 300
    return part10(ds)


def part10(ds: Dataset) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = UID(ds.SOPInstanceUID or "1.2")
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()
