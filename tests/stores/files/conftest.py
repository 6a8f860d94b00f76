"""The backends of blobs: every one runs the same suite."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from server.core.ports.files import Blobs
from server.stores.files.access import S3Access
from server.stores.files.opening import open_blobs

BUCKET = "chat-files"


class Silent(WSGIRequestHandler):
    def log(self, kind: str, message: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The URL of an S3 with an empty bucket, of this process."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def bucket(s3_server: str) -> S3Access:
    """The access to an empty bucket."""
    backend = s3_backends["123456789012"]["aws"]
    backend.reset()
    backend.create_bucket(BUCKET, "us-east-1")
    return S3Access(f"s3://{BUCKET}/some/prefix", s3_server, "us-east-1", "key", "secret")


@pytest.fixture(params=["disk", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Of one backend after the other, with nothing in them."""
    access = request.getfixturevalue("bucket") if request.param == "s3" else None
    return open_blobs(access, tmp_path)
