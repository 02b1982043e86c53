"""E-mails in the cloud: from the owner's address alone, and none without one."""

from infra.stacks.grants import mail


def test_e_mails_go_out_from_one_address_only() -> None:
    assert mail("") == []
    [statement] = mail("pacs@clinic.example")
    assert statement.actions == ["ses:SendEmail"]
    assert [each.rpartition(":")[2] for each in statement.resources] == [
        "identity/pacs@clinic.example",
        "identity/clinic.example",
    ]
