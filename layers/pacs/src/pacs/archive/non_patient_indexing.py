"""Originals that belong to no patient, on their way into the index: one row each, and nothing is derived of them.

Called by indexing. Source: PS3.4 §GG
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from pacs.archive import keys
from pacs.archive.source import StoreSource, object_columns
from pacs.dicom.header import read_header
from pacs.dicom.non_patient_keys import non_patient_row
from pacs.errors import InvalidInstance, ObjectNotFound, PacsError, Unavailable
from pacs.ports import Services

# What was received last counts, in whatever order events come.
UPSERT = text(
    """
    insert into non_patient_instances as t (organization_id, sop_class_uid, sop_instance_uid, branch_id, keys, dicom,
      object_key, size_bytes, sha256, transfer_syntax_uid, received_at)
    select organization_id, sop_class_uid, sop_instance_uid, branch_id, keys, dicom,
      object_key, size_bytes, sha256, transfer_syntax_uid, received_at
    from jsonb_populate_record(cast(null as non_patient_instances), cast(:row as jsonb))
    on conflict (organization_id, sop_class_uid, sop_instance_uid) do update set
      (branch_id, keys, dicom, object_key, size_bytes, sha256, transfer_syntax_uid, received_at)
      = (excluded.branch_id, excluded.keys, excluded.dicom, excluded.object_key, excluded.size_bytes,
        excluded.sha256, excluded.transfer_syntax_uid, excluded.received_at)
    where t.received_at <= excluded.received_at
    """
)


def index_non_patient(services: Services, object_keys: Sequence[str]) -> dict[str, PacsError]:
    """Index these originals, one by one: they are few. Returns what failed, by key; a deleted object is no error.

    Idempotent. Raises DatabaseUnavailable and StoreUnavailable when nothing can be done.
    """
    failed: dict[str, PacsError] = {}
    for key in object_keys:
        try:
            services.database.fetch(UPSERT, {"row": read_row(services, key)})
        except ObjectNotFound:
            continue
        except Unavailable:
            raise
        except PacsError as error:
            failed[key] = error
    return failed


def read_row(services: Services, key: str) -> dict[str, Any]:
    """The row of one original. Raises InvalidInstance when it cannot be indexed."""
    path = keys.parse_non_patient(key)
    source = StoreSource(services.originals, key)
    header = read_header(source)
    if (header.sop_class_uid, header.sop_instance_uid) != (path.sop_class, path.instance):
        raise InvalidInstance("the UIDs of the dataset are not those of its key")
    return non_patient_row(header) | object_columns(source, path.organization_id, header.transfer_syntax_uid)
