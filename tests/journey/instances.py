"""What the journey sends: instances made of pydicom's own files, as files and as what goes over the wire."""

from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom.data
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41, UID, VideoPhotographicImageStorage

from gateway_scp import part10

BUNDLED = Path(pydicom.data.__file__).parent
ROOT = "1.2.826.0.1.3680043.8.498.77"


@dataclass(frozen=True)
class Instance:
    """One instance. `part10` is the file that the archive keeps of it when it comes by the DICOM door."""

    study: str
    series: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    encoded: bytes  # the dataset, without preamble and file meta

    @property
    def part10(self) -> bytes:
        return part10.file_meta(self.sop_class_uid, self.sop_instance_uid, self.transfer_syntax_uid) + self.encoded

    @property
    def path(self) -> str:
        return f"/dicomweb/studies/{self.study}/series/{self.series}/instances/{self.sop_instance_uid}"

    @property
    def uids(self) -> tuple[str, str, str]:
        return self.study, self.series, self.sop_instance_uid


def sample(name: str) -> Dataset:
    """One of pydicom's bundled files; never a download."""
    return dcmread(BUNDLED / "test_files" / name)


def part10_of(dataset: Dataset) -> bytes:
    file = BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def instance_of(dataset: Dataset) -> Instance:
    """How a dataset goes over the wire."""
    whole = part10_of(dataset)
    begin = 144 + dcmread(BytesIO(whole), stop_before_pixels=True).file_meta.FileMetaInformationGroupLength
    return Instance(
        str(dataset.StudyInstanceUID),
        str(dataset.SeriesInstanceUID),
        str(dataset.SOPClassUID),
        str(dataset.SOPInstanceUID),
        str(dataset.file_meta.TransferSyntaxUID),
        whole[begin:],
    )


def ct_series(number: int, slices: int) -> list[Dataset]:
    """A CT study of one series whose slices differ in their pixels."""
    made = []
    original = sample("CT_small.dcm")
    del original.DataSetTrailingPadding  # dcmtk does not send it
    pixels = original.pixel_array
    study = f"{ROOT}.{number}"
    for each in range(1, slices + 1):
        dataset = deepcopy(original)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
        dataset.SOPInstanceUID, dataset.InstanceNumber = f"{study}.1.{each}", each
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.ImagePositionPatient = [0, 0, each]
        dataset.PixelData = np.roll(pixels, each * 16, axis=0).astype("<i2").tobytes()
        made.append(dataset)
    return made


def ct_instances(number: int, count: int) -> list[Instance]:
    return [instance_of(each) for each in ct_series(number, count)]


def renamed(dataset: Dataset, number: int) -> Dataset:
    """The dataset as the only instance of a study of ours."""
    study = UID(f"{ROOT}.{number}")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"{study}.1.1")
    return dataset


def ultrasound_clip() -> Dataset:
    """30 JPEG frames in colour."""
    return renamed(sample("examples_ybr_color.dcm"), 98)


def video(stream: bytes) -> Dataset:
    """An endoscopy whose one fragment is a stream that nobody here decodes."""
    dataset = renamed(sample("SC_rgb_small_odd.dcm"), 99)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = VideoPhotographicImageStorage
    dataset.file_meta.TransferSyntaxUID = MPEG4HP41
    dataset.Modality, dataset.NumberOfFrames, dataset.PhotometricInterpretation = "ES", 25, "YBR_PARTIAL_420"
    dataset.PixelData = encapsulate([stream], has_bot=False)
    dataset["PixelData"].VR = "OB"
    return dataset
