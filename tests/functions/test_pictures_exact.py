"""Every sample file through the archive: its picture is that of its pixels, and its frames come exactly."""

import io
import warnings
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from pacs.archive.indexing import index_objects
from pacs.archive.keys import InstancePath
from pacs.archive.storing import store_instance
from pacs.dicom.render import render

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
DRAWN = 54  # files that have pixels, an identity, and a decoder
EXPLICIT = f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


def added(clinic: Any, body: bytes) -> str:
    """The path of an instance, stored and indexed alone; empty when it is refused."""
    stored = store_instance(clinic.services, clinic.scope, body, branch_id=clinic.made.branch_id)
    if stored.error is not None:
        return ""
    uids = (stored.study, stored.series, stored.sop_instance_uid)
    if index_objects(clinic.services, [InstancePath(clinic.made.organization_id, *uids).original]):
        return ""
    return "/studies/{}/series/{}/instances/{}".format(*uids)


def reference(body: bytes) -> tuple[Dataset, list[Any]]:
    """The dataset and its frames, as pydicom decodes them; none when it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(body), force=True)
        try:
            frames = 1 if int(dataset.get("NumberOfFrames") or 1) == 1 else 2
            return dataset, [pixel_array(dataset, index=index) for index in range(frames)]
        except Exception:
            return dataset, []


def test_every_sample_is_drawn_from_its_own_pixels(clinic: Any) -> None:
    drawn = 0
    for file in sorted(FOLDER.glob("*.dcm")):
        body = file.read_bytes()
        dataset, frames = reference(body)
        path = added(clinic, body) if frames else ""
        for number, pixels in enumerate(frames if path else (), 1):
            answer = clinic.get(f"{path}/frames/{number}/rendered", Accept="image/png")
            assert answer.status_code == 200, (file.name, answer.text)
            assert answer.content == render(pixels, dataset, format="png", frame_number=number), file.name
            if dataset.BitsAllocated == 1:
                continue  # eight of them lie in a byte
            if dataset.get("PlanarConfiguration") and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
                pixels = pixels.transpose(2, 0, 1)  # as the metadata say
            frame = clinic.get(f"{path}/frames/{number}", Accept=EXPLICIT)
            assert frame.content == pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(), file.name
        drawn += bool(path)
    assert drawn == DRAWN
