"""Index → derived: frames of small images, made while the indexer has them in memory. Called by indexing.

It spares reading the original once more. What is large, or must be transcoded, is left to the deriver.
"""

from collections.abc import Sequence

from sqlalchemy import text

from pacs.archive.frames import Frame, FrameReader, wrapped
from pacs.archive.lookup import Instance
from pacs.ports import Services

# Originals of up to this size are read whole: one slice of 512 × 512 pixels and 16 bits has half of it.
SMALL_BYTES = 1 << 20
CURRENT = text("select object_key, sha256 from instances where object_key = any(:object_keys)")


def prepare_frames(services: Services, at_hand: Sequence[tuple[Instance, bytes]]) -> None:
    """Make the frames of uncompressed images out of their originals' bytes. Raises StoreUnavailable.

    Asked after their rows are written, so that nobody is shown new pictures under older metadata.
    """
    for instance, original in at_hand:
        reader = FrameReader(services, instance, original)
        for frame_number in range(1, reader.number_of_frames + 1):
            write_frame(services, instance, frame_number, reader.as_stored(frame_number))
    take_back_outdated(services, [instance for instance, _ in at_hand])


def write_frame(services: Services, instance: Instance, frame_number: int, frame: Frame) -> None:
    body, content_type = wrapped(frame)
    services.derived.put(instance.path.frame(frame_number), body, content_type=content_type)


def take_back_outdated(services: Services, made: Sequence[Instance]) -> None:
    """Delete the frames of what was deleted or replaced while they were made.

    Those of a newer version come with its own event, or when somebody asks.
    """
    rows = services.database.fetch(CURRENT, {"object_keys": [each.object_key for each in made]}) if made else []
    current = {row["object_key"]: row["sha256"] for row in rows}
    for each in made:
        if current.get(each.object_key) != each.sha256:
            services.derived.delete_prefix(each.path.frames)
