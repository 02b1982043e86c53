"""What both mailers must do: the outbox folder of one machine, and SES (moto's server)."""

from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from pacs.aws.mail import SesMailer
from pacs.errors import NotConfigured, Unavailable
from pacs.local.clock import SystemClock
from pacs.local.outbox import OutboxFolder

AwsClient = Callable[[str], Any]
TO, SUBJECT, TEXT = "ayse@example.org", "Şifre", "Günaydın,\nhttps://pacs.example/reset?token=abc\n"
SENDER = "pacs@example.org"

Sent = tuple[str, str, str, str]


@pytest.fixture
def ses(aws_client: AwsClient) -> Any:
    client = aws_client("sesv2")
    client.create_email_identity(EmailIdentity=SENDER)
    return client


def in_outbox(folder: Path) -> list[Sent]:
    files = sorted(folder.iterdir())
    found = [message_from_bytes(each.read_bytes(), policy=policy.default) for each in files]
    return [(each["From"], each["To"], each["Subject"], each.get_content()) for each in found]


def test_the_outbox_keeps_what_was_sent(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "outbox"
    mailer = OutboxFolder(folder, SystemClock(), SENDER)
    mailer.send(TO, SUBJECT, TEXT)
    mailer.send(TO, "2", TEXT)
    assert in_outbox(folder) == [(SENDER, TO, SUBJECT, TEXT), (SENDER, TO, "2", TEXT)]
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_outbox_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        OutboxFolder(tmp_path / "file" / "outbox", SystemClock()).send(TO, SUBJECT, TEXT)


def test_no_header_can_be_smuggled_into_a_message(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        OutboxFolder(tmp_path, SystemClock()).send("a@example.org\nBcc: b@example.org", SUBJECT, TEXT)


def test_ses_is_told_what_to_send(ses: Any) -> None:
    asked: list[Any] = []
    ses.meta.events.register("provide-client-params.sesv2.SendEmail", lambda params, **_: asked.append(params))
    SesMailer(SENDER, ses).send(TO, SUBJECT, TEXT)
    [sent] = asked
    assert (sent["FromEmailAddress"], sent["Destination"]) == (SENDER, {"ToAddresses": [TO]})
    assert sent["Content"]["Simple"]["Subject"]["Data"] == SUBJECT
    assert sent["Content"]["Simple"]["Body"]["Text"]["Data"] == TEXT


def test_ses_without_a_sender_is_not_configured_and_an_unverified_one_is_unavailable(ses: Any) -> None:
    with pytest.raises(NotConfigured):
        SesMailer("", ses).send(TO, SUBJECT, TEXT)
    with pytest.raises(Unavailable):
        SesMailer("nobody@elsewhere.example", ses).send(TO, SUBJECT, TEXT)
