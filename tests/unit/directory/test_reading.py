"""A listing ends: no address comes twice, and there are not endlessly many."""

import pytest

from entra_plugin.directory.microsoft import reading
from entra_plugin.directory.microsoft.reading import Links
from entra_plugin.domain.errors import TransientFailure


def test_each_new_link_is_followed() -> None:
    links = Links("a")
    assert [links.follow(link) for link in ("b", "c")] == ["b", "c"]


@pytest.mark.parametrize("again", ["a", "b", "c"])
def test_a_link_that_was_there_before_is_not_followed(again: str) -> None:
    links = Links("a")
    links.follow("b")
    links.follow("c")
    with pytest.raises(TransientFailure, match="listing_endless"):
        links.follow(again)


def test_a_listing_of_too_many_pages_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_CAP", 3)
    links = Links("a")
    links.follow("b")
    links.follow("c")
    with pytest.raises(TransientFailure, match="listing_endless"):
        links.follow("d")
