"""Runs the web process on the loopback interface."""

import uvicorn

from devhost import settings as settings_file
from devhost.host import DevHost
from devhost.logs import configure
from devhost.plugins.manager import Plugins
from devhost.web.app import build


def main() -> None:
    """Run from the command line."""
    configure()
    settings = settings_file.load()
    host = DevHost(settings)
    host.open()
    plugins = Plugins()
    plugins.load()
    uvicorn.run(
        build(host, plugins),
        host="127.0.0.1",
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        date_header=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
