"""The instances that everybody is sent: CT slices of 512 × 512 pixels and 16 bits, half a megabyte each."""

import random
from pathlib import Path

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SIDE = 512
SEED = 20260101
CONSTANT = {
    "PatientBirthDate": "19700101",
    "PatientSex": "O",
    "StudyDate": "20260102",
    "StudyTime": "101112",
    "StudyID": "1",
    "StudyDescription": "THORAX",
    "SeriesDescription": "AXIAL",
    "SeriesNumber": 1,
    "Modality": "CT",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.8, 0.8],
    "SliceThickness": 1,
    "RescaleIntercept": -1024,
    "RescaleSlope": 1,
    "WindowCenter": 40,
    "WindowWidth": 400,
    "Rows": SIDE,
    "Columns": SIDE,
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
}


def write_series(folder: Path, count: int, *, seed: int = SEED) -> tuple[str, str, list[str]]:
    """Write one series of `count` instances; returns its study, series and SOP instance UIDs."""
    folder.mkdir(parents=True)
    noise = random.Random(seed)
    study, series = generate_uid(entropy_srcs=[f"s{seed}"]), generate_uid(entropy_srcs=[f"e{seed}"])
    uids = []
    base = bytearray(noise.randbytes(SIDE * SIDE * 2))
    base[1::2] = bytes(byte & 0x0F for byte in base[1::2])  # twelve bits, as a scanner gives them
    for number in range(1, count + 1):
        base[:4] = number.to_bytes(4, "little")
        dataset = slice_of(study, series, number, seed)
        dataset.PixelData = bytes(base)
        dataset.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)
        uids.append(str(dataset.SOPInstanceUID))
    return str(study), str(series), uids


def slice_of(study: str, series: str, number: int, seed: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[f"i{seed}-{number}"])
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    attributes = CONSTANT | {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "PatientName": f"BENCH^{seed}",
        "PatientID": f"B{seed}",
        "AccessionNumber": str(seed),
        "InstanceNumber": number,
        "ImagePositionPatient": [-200, -200, number],
        "FrameOfReferenceUID": generate_uid(entropy_srcs=[f"f{series}"]),
    }
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset
