"""Where things lie in the stores. Writers make keys here; readers take an original's key from the index."""

from dataclasses import dataclass

from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.uids import is_uid
from pacs.errors import BadRequest

ORIGINAL_SUFFIX = ".dcm"
NON_PATIENT_FOLDER = "non-patient"  # in place of a study; no UID, so never one


@dataclass(frozen=True)
class InstancePath:
    """One instance of one organization, by its UIDs."""

    organization_id: str
    study: str
    series: str
    instance: str

    @property
    def original(self) -> str:
        return f"{self.organization_id}/{self.study}/{self.series}/{self.instance}{ORIGINAL_SUFFIX}"

    @property
    def frames(self) -> str:
        """Prefix of this instance's frames, which are named by their number from 1."""
        return f"frames/{self.organization_id}/{self.study}/{self.series}/{self.instance}/"

    def frame(self, frame_number: int) -> str:
        return f"{self.frames}{frame_number}"

    @property
    def video(self) -> str:
        return f"video/{self.organization_id}/{self.study}/{self.series}/{self.instance}.mp4"

    @property
    def thumbnail(self) -> str:
        return f"thumbnails/{self.organization_id}/{self.study}/{self.series}/{self.instance}.jpg"

    @property
    def series_path(self) -> tuple[str, str, str]:
        return self.organization_id, self.study, self.series


@dataclass(frozen=True)
class NonPatientPath:
    """One instance of one organization that belongs to no patient, by its UIDs."""

    organization_id: str
    sop_class: str
    instance: str

    @property
    def original(self) -> str:
        return f"{self.organization_id}/{NON_PATIENT_FOLDER}/{self.sop_class}/{self.instance}{ORIGINAL_SUFFIX}"


def is_non_patient_key(key: str) -> bool:
    """Whether an original with this key belongs to no patient."""
    return key.split("/")[1:2] == [NON_PATIENT_FOLDER]


def parse_non_patient(key: str) -> NonPatientPath:
    """The path that such an original's key names. Raises BadRequest for any other key."""
    parts = key.removesuffix(ORIGINAL_SUFFIX).split("/")
    if not key.endswith(ORIGINAL_SUFFIX) or len(parts) != 4 or not is_non_patient_key(key):
        raise BadRequest("not the key of an original", field="object_key")
    organization_id, _, sop_class, instance = parts
    if not is_non_patient(sop_class) or not is_uid(instance):
        raise BadRequest("not the key of an original", field="object_key")
    return NonPatientPath(organization_id, sop_class, instance)


def parse_original(key: str) -> InstancePath:
    """The path that an original's key names. Raises BadRequest for any other key."""
    parts = key.removesuffix(ORIGINAL_SUFFIX).split("/")
    if not key.endswith(ORIGINAL_SUFFIX) or len(parts) != 4 or not all(is_uid(part) for part in parts[1:]):
        raise BadRequest("not the key of an original", field="object_key")
    return InstancePath(*parts)


def series_metadata(organization_id: str, study: str, series: str) -> str:
    """The complete metadata of a series, as one gzip JSON array."""
    return f"metadata/{organization_id}/{study}/{series}.json.gz"


def metadata_part(organization_id: str, study: str, series: str, digest: str) -> str:
    """The metadata of those instances of a series that one batch of the indexer brought."""
    return f"metadata/{organization_id}/{study}/{series}/{digest}.json.gz"


def metadata_parts(organization_id: str, study: str, series: str) -> str:
    """Under which all such parts of a series lie."""
    return f"metadata/{organization_id}/{study}/{series}/"


def derived_prefixes(organization_id: str, study: str, series: str) -> tuple[str, ...]:
    """Under which everything lies that was made of a series' instances one by one."""
    return tuple(f"{kind}/{organization_id}/{study}/{series}/" for kind in ("frames", "thumbnails", "video"))


def asked_prefix(organization_id: str, study: str) -> str:
    """Under which the exchange store keeps what models were asked about a study, and what they said."""
    return f"ai/{organization_id}/{study}/"
