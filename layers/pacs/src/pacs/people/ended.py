"""Whose tokens count no more, though they have not expired: those of sessions that ended, and of disabled members.

Asked by entry for every call. One short list a process is read again after a few seconds, so that a call costs nothing.
"""

import threading
from datetime import datetime, timedelta

from sqlalchemy import text

from pacs.errors import DatabaseUnavailable, Unauthenticated
from pacs.people.scope import SHARED, Scope
from pacs.people.tokens import LONGEST_S
from pacs.ports import Services

BELIEVED = timedelta(seconds=5)
ENDED = text(
    "select cast(id as text) as id from sessions where revoked_at > :sessions"
    " union all select cast(id as text) from organization_members where disabled_at > :members"
    " union all select cast(id as text) from api_keys where revoked_at > :sessions"
)


class Ended:
    """The sessions, keys and members of this process's list. What expires before it is looked at needs no place in it.

    A launch that was made with an API key names the key as its session; the key itself is asked for at every call.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asking = threading.Lock()
        self._read_at: datetime | None = None
        self._ids: frozenset[str] = frozenset()

    def require_living(self, scope: Scope) -> None:
        """Raises Unauthenticated when what a token stands for was ended; DatabaseUnavailable if it never was known.

        Links for people from outside end by a list of their own.
        """
        if scope.role in SHARED or not (scope.session_id or scope.member_id):
            return
        ids = self._fresh_ids()
        if scope.session_id in ids or scope.member_id in ids:
            raise Unauthenticated("the session has ended: sign in again")

    def _fresh_ids(self) -> frozenset[str]:
        now = self._services.clock.now()
        if self._read_at and self._read_at <= now < self._read_at + BELIEVED:
            return self._ids
        # Who finds somebody asking goes on with what is known.
        if self._asking.acquire(blocking=self._read_at is None):
            try:
                self._ids = self._ask(now)
                self._read_at = now
            except DatabaseUnavailable:
                # Tokens expire by themselves; a database that does not answer stops nobody who needs none.
                if self._read_at is None:
                    raise
                self._read_at = self._services.clock.now()
            finally:
                self._asking.release()
        return self._ids

    def _ask(self, now: datetime) -> frozenset[str]:
        # Of a session: its access tokens, and the launches that it made.
        life_s = max(self._services.settings.session_ttl_s, self._services.settings.launch_ttl_s)
        since = {"sessions": now - timedelta(seconds=life_s), "members": now - timedelta(seconds=LONGEST_S)}
        return frozenset(str(row["id"]) for row in self._services.database.fetch(ENDED, since))
