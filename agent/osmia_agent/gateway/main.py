"""Entry of the gateway's process; its argument is the descriptor of its end of the link.

It ends with the agent: by its word, or as the link breaks when the agent dies in any way. Signals
that a terminal or a user sends to stop the agent are the agent's business.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys

from osmia_agent import logs
from osmia_agent.gateway import privileges
from osmia_agent.gateway.gateway import Gateway
from osmia_agent.gateway.link import BlockingLink, ToGateway
from osmia_agent.gateway.setup import Setup

_log = logging.getLogger(__name__)


def main() -> None:
    """Serve until the agent is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    link: BlockingLink[ToGateway] = BlockingLink(socket.socket(fileno=int(sys.argv[1])), ToGateway)
    setup = link.receive()
    if isinstance(setup, Setup):
        logs.configure(logging.getLevelName(setup.level), setup.log_format)
        try:
            privileges.give_up()
        except OSError as error:
            _log.warning("the gateway of gRPC keeps the agent's capabilities: %s", error)
        Gateway(setup, link).run()


if __name__ == "__main__":
    main()
