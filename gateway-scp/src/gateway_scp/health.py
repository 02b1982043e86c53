"""/healthz over HTTP on a port of its own, for load balancers and the supervisor."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/healthz"


class Health:
    """`ill` gives the reason why the node cannot store, or an empty text."""

    def __init__(self, address: tuple[str, int], ill: Callable[[], str], *, reuse_port: bool) -> None:
        class Answer(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                reason = ill() if self.path == PATH else "not found"
                self._send(404 if self.path != PATH else 503 if reason else 200, reason)

            def _send(self, status: int, reason: str) -> None:
                body = json.dumps({"status": "ok" if status == 200 else reason}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: checks come every few seconds."""

        class Server(ThreadingHTTPServer):
            allow_reuse_port = reuse_port
            daemon_threads = True

        self._server = Server(address, Answer)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
