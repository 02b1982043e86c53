"""The modality table as it stands now: read from the exchange store, and again whenever its document changes."""

import threading

from gateway_scp import log
from pacs.dicom.modalities import KEY, ModalityTable, parse
from pacs.errors import ObjectNotFound, PacsError
from pacs.ports import ObjectStore

RELOAD_S = 15.0  # the promise is 30


class Peers:
    """`table` is the last good table, or None as long as there was none."""

    def __init__(self, exchange: ObjectStore) -> None:
        self._exchange = exchange
        self._etag = ""
        self._trouble = ""
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.table: ModalityTable | None = None

    def current(self) -> ModalityTable | None:
        """The table; when there is none yet, the store is asked at once."""
        if self.table is None:
            self.reload()
        return self.table

    def reload(self) -> None:
        """Take the document over if it is another one and good; otherwise keep the table and say why, once."""
        with self._lock:
            try:
                if self._exchange.head(KEY).etag == self._etag:
                    return
                info, document = self._exchange.get(KEY)
                self._etag = info.etag
                self.table = parse(document)
            except ObjectNotFound:
                self._complain("there is no modality table")
            except Exception as error:  # this thread must outlive whatever a store does
                reason = error.message if isinstance(error, PacsError) else log.fault(error)
                self._complain(f"modality table not read: {reason}")
            else:
                self._trouble = ""
                log.info("modality table read", mode=self.table.mode, modalities=len(self.table.modalities))

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error(trouble, key=KEY, kept="the last good one" if self.table else "none: associations are refused")
        self._trouble = trouble

    def start(self) -> None:
        self.reload()
        threading.Thread(target=self._run, name="peers", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(RELOAD_S):
            self.reload()
