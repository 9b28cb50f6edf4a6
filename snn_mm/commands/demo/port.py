"""Where the page is served."""

from __future__ import annotations

import socket

from snn_mm.errors import UserError

HOST = "127.0.0.1"


def free_port(port: int) -> int:
    """A port of loopback on which nobody listens.

    Args:
        port: the one that is wanted; 0 for any.

    Raises:
        UserError: it is taken, or only the system may open it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed a moment ago is free
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"--port {port} of {HOST}: {error.strerror}\naccepted: another one, or 0"
            ) from None
        return int(probe.getsockname()[1])
