"""What does a provider say of one picture? The smoke test of any of them: `pacs ai test`.

The picture is sent as it is, with whatever stands in it: whoever tries chooses it.
"""

from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs.ai.configuring import configured
from pacs.ai.health import Asked, ask
from pacs.ai.metering import About
from pacs.dicom.render import render
from pacs.errors import BadRequest, InvalidInstance, UndecodablePixels
from pacs.models.answers import document_in
from pacs.models.schemas import fault_of, object_of
from pacs.people.scope import Scope
from pacs.ports import Question, Services, Usage

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_TOKENS = 1024
SYSTEM = "You describe pictures for somebody who tries whether you can. Answer with the JSON object alone."
WORDS = "Say in one sentence what the picture shows."
WITHOUT = "There is no picture. Say in one sentence what you could do with a medical image."
SCHEMA = object_of(description={"type": "string"})
MAGIC, MAGIC_AT = b"DICM", 128


@dataclass(frozen=True)
class Tried:
    """What came of it; `failure` is empty when a valid answer came, which `said` is."""

    provider: str
    model: str
    failure: str
    said: str
    latency_ms: int
    tokens_in: int
    tokens_out: int
    images: int
    cost: Decimal | None


def try_out(services: Services, scope: Scope, name: str, image: Path | None = None) -> Tried:
    """Ask a provider, whether it is on or off, of a picture or of none.

    Raises BadRequest for a provider that nobody knows or that sees no images, and for a file that shows none.
    """
    found = configured(services, scope, name)
    if image and not found.provider.vision:
        raise BadRequest(f"{name} sees no images", field="image")
    images = (jpeg_of(image, found.provider.most_px),) if image else ()
    question = Question(SYSTEM, WORDS if image else WITHOUT, images, SCHEMA, most_tokens=MOST_TOKENS)
    asked = ask(services, scope, found, question, About(purpose="test", member_id=scope.member_id or None))
    failure, said = asked.failure, ""
    if asked.answer:
        document, fault = document_in(asked.answer.text)
        fault = fault or fault_of(document, SCHEMA)
        failure = f"answers what is of no use: {fault}" if fault else ""
        said = "" if fault else document["description"]
    return tried(name, found.model, asked, failure, said)


def tried(name: str, model: str, asked: Asked, failure: str, said: str) -> Tried:
    usage = asked.answer.usage if asked.answer else Usage()
    return Tried(
        provider=name,
        model=(asked.answer.model if asked.answer else "") or model,
        failure=failure,
        said=said,
        latency_ms=asked.latency_ms,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        images=usage.images,
        cost=asked.cost,
    )


def jpeg_of(file: Path, most_px: int) -> bytes:
    """A picture, or the middle frame of a DICOM file in its own window, as JPEG with no side longer than `most_px`.

    Raises BadRequest.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        part10 = file.read_bytes()
        if part10[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC:
            return frame_of(part10, most_px)
        return fitted(Image.open(BytesIO(part10)), most_px)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadRequest(f"{file}: neither DICOM nor a picture", field="image") from error
    except (UndecodablePixels, InvalidInstance) as error:
        raise BadRequest(f"{file}: {error.message}", field="image") from error
    except OSError as error:
        raise BadRequest(f"{file}: {error.strerror or 'it cannot be read'}", field="image") from error


def fitted(image: "Image", most_px: int) -> bytes:
    image.thumbnail((most_px, most_px))
    made = BytesIO()
    image.convert("RGB").save(made, "JPEG", quality=90)
    return made.getvalue()


def frame_of(part10: bytes, most_px: int) -> bytes:
    """Raises UndecodablePixels, InvalidInstance."""
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array

    try:
        dataset = dcmread(BytesIO(part10))
        number = (int(dataset.get("NumberOfFrames") or 1) - 1) // 2
        pixels: Any = pixel_array(dataset, index=number)
    except Exception as error:  # its decoders raise whatever they like
        raise UndecodablePixels("no picture can be made of it") from error
    picture = render(pixels, dataset, frame_number=number + 1)
    from PIL import Image

    return fitted(Image.open(BytesIO(picture)), most_px)
