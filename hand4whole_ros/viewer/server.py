"""The viewer's web server, on a free port only."""

from __future__ import annotations

import importlib.util
import socket
from typing import TYPE_CHECKING

from ..system.requirements import install_command

if TYPE_CHECKING:
    import viser

#: Title of the page.
TITLE = 'hand4whole'


class ViewerError(ValueError):
    """The viewer cannot start; the message is one line for the user."""


def missing_library() -> str | None:
    """How to install the viewer's library, as one line; None if it is installed."""
    if importlib.util.find_spec('viser') is None:
        return f'the viewer needs the library viser: {install_command("viser")}'
    return None


def create_server(host: str, port: int) -> viser.ViserServer:
    """A server at this address; port 0: a free one. Raises ViewerError."""
    problem = missing_library()
    if problem:
        raise ViewerError(problem)
    _check_address(host, port)
    from .._vendor_patches.viser_server import LocalViserServer  # with viser, which is an extra
    server = LocalViserServer(host, port, TITLE)
    if port and server.get_port() != port:      # The port was taken meanwhile, and viser uses the next one.
        server.stop()
        raise ViewerError(_format_address_error(host, port, 'Address already in use'))
    return server


def page_address(host: str, port: int) -> str:
    """The page's address for a browser on this machine."""
    if host in ('0.0.0.0', '::', ''):
        host = 'localhost'
    return f'http://[{host}]:{port}' if ':' in host else f'http://{host}:{port}'


def _check_address(host, port):
    """Raises ViewerError if the address cannot be used: viser would try a thousand other ports, and wait for ever."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in addresses:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise ViewerError(_format_address_error(host, port, getattr(error, 'strerror', None) or str(error))) from None


def _format_address_error(host, port, why):
    return (f'the viewer cannot listen on {host!r}, port {port} ({why}): choose another with viewer_port:={port + 1}, '
            'or an address of this machine with viewer_host:=ADDRESS')
