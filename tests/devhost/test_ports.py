"""The ports of servers, whom nobody gets in the way of between choice and start."""

import errno
import socket
from pathlib import Path

import pytest

from devhost.processes.ports import free_port, hold_port, port_is_free

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_free_port_is_none_that_the_kernel_gives_away() -> None:
    first = int(RANGE.read_text().split()[0])
    assert all(15000 <= free_port() < first for _ in range(50))


def test_where_the_kernel_gives_all_ports_away_it_chooses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n")
    monkeypatch.setattr("devhost.processes.ports._RANGE", everything)
    assert port_is_free(free_port())


def test_a_held_port_refuses_clients_and_goes_to_its_server_whenever_it_starts() -> None:
    port = free_port()
    held = hold_port(port)
    assert held is not None
    with held:
        assert not connects(port)
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)):
                assert connects(port)
                assert not port_is_free(port)
            assert not connects(port)


def test_nobody_else_is_given_a_held_port() -> None:
    port = free_port()
    held = hold_port(port)
    assert held is not None
    with held, socket.socket() as other:
        with pytest.raises(OSError, match="in use") as refused:
            other.bind(("127.0.0.1", port))
        assert refused.value.errno == errno.EADDRINUSE


def test_a_port_at_which_somebody_listens_is_not_held() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
        hold_port(port)


def connects(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
