"""How fast are searches, and does it matter how much there is? `python -m tests.bench.queries [STUDIES…]`.

Fills fresh databases with synthetic studies by plain SQL, asks each kind of query many times through `search`, and
prints p50 and p95 in milliseconds for each size.
"""

import hashlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import text

from infra.local.postgres import EmbeddedPostgres
from pacs.archive.search import search
from pacs.database import migrate
from pacs.database.psycopg_driver import PsycopgDatabase
from pacs.dicom.attributes import Level
from pacs.dicomweb.query import parse_query
from pacs.people.scope import Scope

ORGANIZATION = "00000000-0000-4000-8000-000000000001"
ORIGIN = "https://pacs.example"
ROUNDS = 40
SIZES = (1_000, 10_000, 100_000)
STUDIES_A_DAY = 40
FAMILIES = "yilmaz kaya demir celik sahin yildiz yildirim ozturk aydin ozdemir arslan dogan kilic aslan cetin kara"
GIVEN = "mehmet mustafa ahmet ali huseyin hasan ibrahim fatma ayse emine hatice zeynep elif sule meryem serife"

# Two series a study, two instances a series; five studies a patient, whose name ends in a word of its own.
FILL = (
    """
    insert into studies (organization_id, study_instance_uid, patient_key, study_date, study_time, accession_number,
      referring_physician_name, study_description, patient_name, patient_id, patient_birth_date, patient_sex, study_id,
      modalities_in_study, number_of_series, number_of_instances, attributes_received_at, dicom)
    select cast(:organization as uuid), '1.2.' || n, 'P' || n / 5,
      to_char(date '2024-12-31' - cast(n / :a_day as integer), 'YYYYMMDD'),
      lpad(cast(n % 24 as text), 2, '0') || '3000.000000', 'a' || n, 'dr ' || f.names[1 + n % 16],
      (array['bt toraks', 'mr beyin', 'us batin', 'rontgen akciger'])[1 + n % 4],
      f.names[1 + (n / 5) % 16] || ' ' || g.names[1 + (n / 80) % 16] || ' ' || substr(md5(cast(n / 5 as text)), 1, 7),
      'p' || n / 5, '19700101', 'F', 's' || n, (array['\\CT\\', '\\MR\\', '\\US\\', '\\CR\\DX\\'])[1 + n % 4], 2, 4,
      now(), jsonb_build_object(
        '00080020', jsonb_build_object('vr', 'DA', 'Value', jsonb_build_array('20240101')),
        '00080050', jsonb_build_object('vr', 'SH', 'Value', jsonb_build_array('A' || n)),
        '0020000D', jsonb_build_object('vr', 'UI', 'Value', jsonb_build_array('1.2.' || n)),
        '00100010', jsonb_build_object('vr', 'PN', 'Value', jsonb_build_array(jsonb_build_object('Alphabetic', 'X^Y'))))
    from generate_series(0, :studies - 1) n,
      (select cast(:families as text[]) as names) f, (select cast(:given as text[]) as names) g
    """,
    """
    insert into series (organization_id, study_instance_uid, series_instance_uid, modality, series_number,
      series_description, scheduled_procedure_step_id, number_of_instances, attributes_received_at, dicom)
    select organization_id, study_instance_uid, study_instance_uid || '.' || k,
      split_part(modalities_in_study, '\\', 2), k, 'seri ' || k, '\\sps' || study_id || '\\', 2, now(),
      jsonb_build_object('0020000E', jsonb_build_object('vr', 'UI', 'Value',
        jsonb_build_array(study_instance_uid || '.' || k)))
    from studies, generate_series(1, 2) k
    """,
    """
    insert into instances (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid,
      instance_number, object_key, size_bytes, sha256, transfer_syntax_uid, received_at, dicom)
    select organization_id, study_instance_uid, series_instance_uid, series_instance_uid || '.' || k,
      '1.2.840.10008.5.1.4.1.1.2', k, 'x', 1000, '', '1.2.840.10008.1.2.1', now(),
      jsonb_build_object('00080018', jsonb_build_object('vr', 'UI', 'Value',
        jsonb_build_array(series_instance_uid || '.' || k)))
    from series, generate_series(1, 2) k
    """,
    "analyze",
)

Pairs = list[tuple[str, str]]
Ask = tuple[Level, Callable[[int], Pairs]]

# What is asked, by the number of a study that is there.
QUERIES: dict[str, Ask] = {
    "newest studies": ("study", lambda n: [("limit", "101")]),
    "a far page": ("study", lambda n: [("limit", "101"), ("offset", "800")]),
    "one study": ("study", lambda n: [("StudyInstanceUID", f"1.2.{n}")]),
    "patient ID": ("study", lambda n: [("PatientID", f"P{n // 5}")]),
    "patient ID *wild*": ("study", lambda n: [("PatientID", f"*{n // 5}*"), ("limit", "101")]),
    "accession number": ("study", lambda n: [("AccessionNumber", f"A{n}")]),
    "name, rare": ("study", lambda n: [("PatientName", f"{name_of(n)}*"), ("limit", "101")]),
    "name, common": ("study", lambda n: [("PatientName", f"{word(FAMILIES, n)}*"), ("limit", "101")]),
    "name, fuzzy, rare": (
        "study",
        lambda n: [("PatientName", name_of(n)), ("fuzzymatching", "true"), ("limit", "101")],
    ),
    "name, fuzzy, common": (
        "study",
        lambda n: [("PatientName", f"{word(FAMILIES, n)[:-1]}q"), ("fuzzymatching", "true"), ("limit", "101")],
    ),
    "one day": ("study", lambda n: [("StudyDate", day(n)), ("limit", "101")]),
    "a month, CT": ("study", lambda n: [("StudyDate", month(n)), ("ModalitiesInStudy", "CT"), ("limit", "101")]),
    "days and times": (
        "study",
        lambda n: [("StudyDate", month(n)), ("StudyTime", "0800-1200"), ("limit", "101")],
    ),
    "description *wild*": ("study", lambda n: [("StudyDescription", "*toraks*"), ("limit", "101")]),
    "modality": ("study", lambda n: [("ModalitiesInStudy", "MR"), ("limit", "101")]),
    "no accession": ("study", lambda n: [("AccessionNumber", '""'), ("emptyvaluematching", "true")]),
    "modality of a series": ("study", lambda n: [("Modality", "MR"), ("limit", "101")]),
    "scheduled step": ("series", lambda n: [("00400275.00400009", f"SPSS{n}")]),
    "series of a study": ("series", lambda n: [("StudyInstanceUID", f"1.2.{n}")]),
    "all series": ("series", lambda n: [("limit", "101")]),
    "instances of a study": ("instance", lambda n: [("StudyInstanceUID", f"1.2.{n}")]),
    "one instance": ("instance", lambda n: [("SOPInstanceUID", f"1.2.{n}.1.1")]),
    "all instances": ("instance", lambda n: [("limit", "101")]),
}


def word(words: str, n: int) -> str:
    return words.split()[(n // 5) % 16]


def name_of(n: int) -> str:
    """Two words of the name of a study's patient, one of which few others have."""
    return f"{GIVEN.split()[(n // 80) % 16]} {hashlib.md5(str(n // 5).encode()).hexdigest()[:7]}"


def day(n: int) -> str:
    return time.strftime("%Y%m%d", time.gmtime(1735603200 - n // STUDIES_A_DAY * 86400))


def month(n: int) -> str:
    return f"{day(n + 30 * STUDIES_A_DAY)}-{day(n)}"


def fill(
    database: PsycopgDatabase, studies: int, organization: str = ORGANIZATION, statements: Sequence[str] = FILL
) -> None:
    """Synthetic studies, the newest first, some of them of one patient; the first statement makes studies alone."""
    names = {"families": FAMILIES.split(), "given": GIVEN.split()}
    given = {"organization": organization, "a_day": STUDIES_A_DAY, "studies": studies, **names}
    for statement in statements:
        database.fetch(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})


def measure(database: PsycopgDatabase, studies: int) -> dict[str, tuple[float, float]]:
    """p50 and p95 in milliseconds of each kind of query."""
    scope = Scope(ORGANIZATION, "admin")
    chooser = random.Random(1)
    found = {}
    for name, (level, pairs) in QUERIES.items():
        times = []
        for _ in range(ROUNDS):
            query = parse_query(level, pairs(chooser.randrange(studies)), {})
            began = time.perf_counter()
            search(database, scope, query, origin=ORIGIN)
            times.append((time.perf_counter() - began) * 1000)
        found[name] = statistics.median(times), sorted(times)[int(len(times) * 0.95)]
    return found


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home))
        server.start()
        try:
            results = [measure_size(server, size) for size in sizes]
        finally:
            server.stop()
    print("| query | " + " | ".join(f"{size:,} p50 | p95" for size in sizes) + " |")
    print("|---" * (1 + 2 * len(sizes)) + "|")
    for name in QUERIES:
        cells = [f"{value:.1f}" for result in results for value in result[name]]
        print(f"| {name} | " + " | ".join(cells) + " |")


def measure_size(server: EmbeddedPostgres, size: int) -> dict[str, tuple[float, float]]:
    database = PsycopgDatabase(server.dsn)
    with database.begin() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    migrate.upgrade(database)
    fill(database, size)
    found = measure(database, size)
    database.close()
    return found


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(SIZES))
