"""Makes the studies of `tests/ai/evaluation_set`: drawn, tiny, of nobody, and the same bytes whenever they are made.

`python -m tests.ai.evaluation_studies FOLDER` writes their DICOM files; the reports beside them are written by hand.
"""

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

SET = Path(__file__).parent / "evaluation_set"
NAMESPACE = uuid.UUID("5b0c1f5e-3f0a-4f0e-9a58-2f6f3d1c7a10")
SOP_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
}
Pixels = np.ndarray[Any, Any]


def uid(*names: object) -> UID:
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(map(str, names))).int}")


def disc(size: int, row: float, column: float, height: float, width: float) -> Pixels:
    """Where a filled ellipse lies; all measures are parts of the image."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    inside: Pixels = ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 <= 1
    return inside


def noise(size: int, of: str) -> Pixels:
    seed = uuid.uuid5(NAMESPACE, of).int % 2**32
    return np.random.default_rng(seed).integers(-6, 7, (size, size))


def chest(*, opacity: bool, name: str) -> Pixels:
    """A frontal radiograph; the opacity lies in the patient's right lower zone, which is on the left."""
    pixels = np.full((96, 96), 150) + noise(96, name)
    for column in (0.3, 0.7):
        pixels[disc(96, 0.45, column, 0.33, 0.15)] -= 100
    pixels[disc(96, 0.62, 0.54, 0.13, 0.15)] = 190
    if opacity:
        pixels[disc(96, 0.66, 0.28, 0.09, 0.1)] += 70
    return pixels.clip(0, 255).astype(np.uint8)


def brain(level: int) -> Pixels:
    """An axial slice in Hounsfield units; blood lies on the image's right, the patient's left."""
    pixels = np.full((48, 48), -1000)
    pixels[disc(48, 0.5, 0.5, 0.45, 0.38)] = 900
    pixels[disc(48, 0.5, 0.5, 0.4, 0.33)] = 32
    pixels[disc(48, 0.45, 0.46, 0.1, 0.05)] = 5
    pixels[disc(48, 0.5, 0.68, 0.05 * level, 0.04 * level)] = 75
    return (pixels + noise(48, f"brain {level}")).astype(np.int16)


def liver(name: str) -> Pixels:
    """An ultrasound image in colours: a fan of echoes, and a gallbladder without."""
    rows, columns = np.mgrid[0:64, 0:64] / 64
    fan = (np.abs(columns - 0.5) < 0.12 + 0.45 * rows) & (rows > 0.06)
    grey = np.where(fan, 90 + 3 * noise(64, name), 0)
    grey[disc(64, 0.55, 0.4, 0.1, 0.07)] = 4
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def breast(side: str, name: str, *, mass: bool) -> Pixels:
    pixels = np.zeros((64, 64)) + np.where(disc(64, 0.5, 0, 0.42, 0.7), 110 + noise(64, name), 3)
    if mass:
        pixels[disc(64, 0.36, 0.3, 0.06, 0.06)] = 220
    return (pixels if side == "L" else pixels[:, ::-1]).clip(0, 255).astype(np.uint8)


def instance(study: str, modality: str, number: int, pixels: Pixels, **elements: Any) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASSES[modality]
    dataset.SOPInstanceUID = uid(study, "instance", number)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(study), uid(study, "series")
    dataset.PatientName, dataset.PatientID = "Deneme^Hasta", f"SYN{int(uid(study)[5:]) % 10**6:06}"
    dataset.PatientBirthDate, dataset.PatientSex, dataset.StudyDate = "19610203", "F", "20260301"
    dataset.StudyTime, dataset.StudyID, dataset.AccessionNumber = "101500", "1", f"SYN{study[:2].upper()}1"
    dataset.ReferringPhysicianName, dataset.Manufacturer = "", "Bulut PACS, drawn"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = modality, 1, number
    dataset.BurnedInAnnotation = "NO"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    colours = pixels.ndim == 3
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = (3, "RGB") if colours else (1, "MONOCHROME2")
    if colours:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = ExplicitVRLittleEndian, uid("implementation")
    dataset.file_meta = meta
    return dataset


def chest_study(study: str, *, opacity: bool) -> list[Dataset]:
    told = {"BodyPartExamined": "CHEST", "ViewPosition": "PA", "StudyDescription": "PA AKCIGER"}
    window = {"WindowCenter": "128", "WindowWidth": "256"}
    return [instance(study, "CR", 1, chest(opacity=opacity, name=study), **told, **window)]


def brain_study(study: str) -> list[Dataset]:
    told = {"BodyPartExamined": "HEAD", "StudyDescription": "CT HEAD", "SeriesDescription": "AXIAL 5.0"}
    scaled = {"RescaleIntercept": "0", "RescaleSlope": "1", "WindowCenter": "40", "WindowWidth": "80"}
    plane = {"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "PixelSpacing": ["4", "4"]}
    return [
        instance(
            study,
            "CT",
            level,
            brain(level),
            **told,
            **scaled,
            **plane,
            SliceThickness="5",
            ImagePositionPatient=["-96", "-96", str(5 * level)],
        )
        for level in (1, 2, 3)
    ]


def liver_study(study: str) -> list[Dataset]:
    told = {"BodyPartExamined": "ABDOMEN", "StudyDescription": "UST BATIN US"}
    return [instance(study, "US", number, liver(f"{study} {number}"), **told) for number in (1, 2)]


def breast_study(study: str) -> list[Dataset]:
    told = {"BodyPartExamined": "BREAST", "StudyDescription": "MAMMOGRAPHY"}
    views = [(side, view) for view in ("CC", "MLO") for side in ("R", "L")]
    return [
        instance(
            study,
            "MG",
            number,
            breast(side, f"{study} {view}", mass=side == "L"),
            **told,
            ImageLaterality=side,
            ViewPosition=view,
            SeriesDescription=f"{side} {view}",
            WindowCenter="128",
            WindowWidth="256",
        )
        for number, (side, view) in enumerate(views, 1)
    ]


STUDIES: Mapping[str, Callable[[str], Sequence[Dataset]]] = {
    "chest-clear": lambda study: chest_study(study, opacity=False),
    "chest-opacity": lambda study: chest_study(study, opacity=True),
    "head-bleeding": brain_study,
    "liver": liver_study,
    "mammography": breast_study,
}


def write(folder: Path) -> None:
    for study, make in STUDIES.items():
        (folder / study).mkdir(parents=True, exist_ok=True)
        for number, dataset in enumerate(make(study), 1):
            dataset.save_as(folder / study / f"{number}.dcm", enforce_file_format=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else SET)
