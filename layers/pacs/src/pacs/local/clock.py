"""What time is it? The machine's own clock, in the cloud too."""

from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)
