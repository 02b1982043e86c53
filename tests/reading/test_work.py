"""Who reads which study: two never have the same one, and nobody gets what is not theirs."""

from typing import Any

from pacs.reading import work
from pacs.reading.studies import find_study, study_history


def test_the_day_of_a_study(desk: Any) -> None:
    reader, code = desk.member("reader"), desk.study()
    assert work.assign_one(desk, desk.admin, code, member_id=reader.member_id) == "assigned"
    work.claim(desk, reader, code.lower())
    work.claim(desk, reader, code)  # safe to repeat
    study = find_study(desk, reader, code)
    assert (study["state"], study["claimed_by"]["name"], study["patient_name"]) == ("claimed", "reader", "Yılmaz^Ayşe")
    for state in ("draft", "draft", "preliminary", "draft", "final", "addendum"):
        work.written(desk, desk.database, reader, study["study_instance_uid"], state)  # type: ignore[arg-type]
    told = [(each["deed"], each["state_before"], each["state_after"]) for each in study_history(desk, reader, code)]
    assert told == [
        ("assign", "received", "assigned"),
        ("claim", "assigned", "claimed"),
        ("draft", "claimed", "draft"),
        ("draft", "draft", "draft"),
        ("preliminary", "draft", "preliminary"),
        ("draft", "preliminary", "draft"),
        ("final", "draft", "final"),
        ("addendum", "final", "addendum"),
    ]
