"""Somebody else's site: it serves what a test wrote for it, and remembers what browsers told it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Elsewhere(ThreadingHTTPServer):
    """A context manager. `near` is another port of our site's own host, the same site to a browser; `far` is another
    site. `heard` are the headers of each request, with its path.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        port = self.server_address[1]
        self.near, self.far = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        self.pages: dict[str, str] = {}
        self.heard: list[dict[str, str]] = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.server.heard.append({"path": self.path} | {name.lower(): value for name, value in self.headers.items()})
        content = self.server.pages.get(self.path, "").encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """The test says what went wrong."""
