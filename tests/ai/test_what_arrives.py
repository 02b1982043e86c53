"""What a service of models really gets of a study in which somebody is named wherever it can be: every byte of it."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import dcmread
from sqlalchemy import text

from pacs.ai.configuring import set_consent
from pacs.ai.jobs import Wanted, ask, found_job
from pacs.ai.working import work
from pacs.archive.masks import NewMask, add_mask
from tests.ai.pictures import STUDY, markers, opened, picture
from tests.functions.planted import NEEDLES, planted
from tests.models.conftest import models as models
from tests.models.fake_models import FakeModels
from tests.reporting.conftest import Practice
from tests.reporting.conftest import practice as practice

COLOUR = (0, 90, 0)


def drawn(height: int, width: int) -> Any:
    """A picture with a name at its top."""
    image = Image.new("RGB", (width, height), COLOUR)
    ImageDraw.Draw(image).text((4, 4), "PLANTED4711 18.04.1947", fill="white")
    return np.asarray(image)


@pytest.fixture
def code(practice: Practice, sample: Callable[[str], bytes]) -> str:
    """A study of a CT slice and of two pictures of an ultrasound, one with a mask; all that can name somebody does."""
    archive = practice.archive
    slice_of = dcmread(io.BytesIO(sample("CT_small.dcm")))
    slice_of.StudyInstanceUID = STUDY
    bodies = [planted(slice_of)]
    for size in ((60, 200), (64, 200)):
        bodies.append(planted(dcmread(io.BytesIO(picture(sample, drawn(*size), BurnedInAnnotation="YES")))))
    for each in bodies:
        assert archive.store(each).error is None
    assert archive.index() == {}
    add_mask(archive.database, archive.scope, NewMask("US", 60, 200, [(0, 0, 200, 20)]))
    [row] = archive.database.fetch(text("select code from studies where study_instance_uid = :study"), {"study": STUDY})
    return str(row["code"])


SHAPES: dict[str, Any] = {"openai": "openai", "claude": "anthropic", "radialog": "generic", "deepseek": "openai"}
IMAGES = {"radialog": 1, "deepseek": 0}


def test_no_byte_names_anybody(practice: Practice, models: FakeModels, code: str) -> None:
    """In every shape in which models are asked."""
    archive = practice.archive
    set_consent(archive, practice.member("hakan", "admin"), True)
    for provider, shape in SHAPES.items():
        told: Any = {f"ai_{provider}_url": models.url_of(shape), f"ai_{provider}_key": "sk-a-key"}
        archive.settings = replace(archive.settings, **told)
        job = ask(archive, practice.reader, code, Wanted(provider, language="en"))
        work(archive, archive.organization_id, job.id)
        assert found_job(archive.database, practice.reader, job.id).status == "completed"
        for asked in models.asked:
            names_nobody(asked, [code, job.id, STUDY, archive.organization_id, archive.branch_id])
        looked_at(models.asked[-1]["seen"], IMAGES.get(provider, 3))


def names_nobody(asked: Mapping[str, Any], identifiers: Sequence[str]) -> None:
    parts = [asked["sent"], *asked["seen"], json.dumps([asked["path"], dict(asked["headers"])]).encode()]
    everything = b"".join(parts)
    for needle in (*NEEDLES, *(each.encode() for each in (*identifiers, "Merkez", "ayse", "Ayse", "Işık"))):
        assert needle not in everything
    assert "'age_years': 47" in everything.decode("latin-1").replace("\\", "").replace('"', "'"), "something is told"


def looked_at(pictures: Sequence[bytes], count: int) -> None:
    """The slice in its two windows, and the picture with a mask, as far as a model takes them; nothing beside them."""
    assert len(pictures) == count
    for each in pictures:
        assert markers(each) <= {0xE0, 0xDB, 0xC0, 0xC4}
    masked = [each for each in map(opened, pictures) if each.shape == (60, 200, 3)]
    assert len(masked) == 1 or count < 3
    for pixels in masked:
        assert pixels[:17].max() < 16, "blank where the name was"
        assert np.abs(pixels[24:] - COLOUR).max() < 24
