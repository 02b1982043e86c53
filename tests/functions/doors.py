"""Knocking at the doors: how tests sign in, go on, and read what they are told."""

from datetime import UTC, datetime, timedelta
from typing import Any

PASSWORD, NEW = "correct horse battery", "staple correct horse"
WRONG = {"code": "UNAUTHENTICATED", "message": "wrong e-mail or password"}


class TurnedClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def token(clinic: Any, role: str = "admin", password: str = PASSWORD, **form: str) -> Any:
    sent = {"username": f"{role}@example.org", "password": password, **form}
    return clinic.client.post("/auth/token", data=sent)


def renew(clinic: Any, refresh_token: str) -> Any:
    return clinic.client.post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": refresh_token})


def bearer(answer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def told(answer: Any) -> dict[str, str]:
    return {name: answer.json()[name] for name in ("code", "message")}
