"""viser's server, for pages of its own alone, and without a tunnel.

viser answers every websocket. A page of a stranger, open in the same browser, could connect to a viewer on localhost
and watch the camera: browsers allow that, and name the page in the header Origin. And any client may ask viser for a
public address, which makes a tunnel to a server on the internet. Both are refused here.
"""

from __future__ import annotations

import http
import ipaddress
import logging
from typing import Any
from urllib.parse import urlsplit

import rich
import viser
import websockets.asyncio.server as websockets_server

__all__ = ['LocalViserServer']

#: Version this was tested with.
TESTED = '1.1'


class LocalViserServer(viser.ViserServer):
    """A ViserServer that answers only its own page. Quiet: viser would print banners."""

    def __init__(self, host: str, port: int, label: str | None = None):
        rich.get_console().quiet = True
        # A traceback for everybody who connects and says nothing that is HTTP.
        logging.getLogger('websockets.server').setLevel(logging.CRITICAL)
        serve = websockets_server.serve

        def serve_own_page(*arguments: Any, process_request: Any, **keywords: Any):
            def check(connection, request):
                refusal = rejection_reason(request.headers.get('Origin'), request.headers.get('Host'), host)
                if refusal:
                    return connection.respond(http.HTTPStatus.FORBIDDEN, f'{refusal}\n')
                return process_request(connection, request)
            return serve(*arguments, process_request=check, **keywords)

        # The constructor returns when the server, which a thread of viser makes, listens.
        websockets_server.serve = serve_own_page  # type: ignore[assignment]
        try:
            super().__init__(host, port, label, verbose=False)
        finally:
            websockets_server.serve = serve  # type: ignore[assignment]

    def request_share_url(self, verbose: bool = True) -> None:
        """Nothing: there is no public address."""


def rejection_reason(origin: str | None, host: str | None, listening: str) -> str | None:
    """Why a request with these headers is refused by a server that listens there; None for a good one.

    A name of a stranger's may lead to 127.0.0.1, so that who listens there alone is addressed as that, too.
    """
    if origin is not None and urlsplit(origin).netloc != host:
        return 'this page may be opened by itself alone'
    if _is_loopback(listening) and not _is_loopback(urlsplit(f'//{host or ""}').hostname or ''):
        return 'this server is for this machine alone: open it as http://localhost'
    return None


def _is_loopback(name):
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == 'localhost'
