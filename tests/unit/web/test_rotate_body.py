"""The date on which a secret expires, as programs send it."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from entra_plugin.web.api.connection import Rotate


def body(expires_at: str) -> Rotate:
    document = {"clientId": "id", "clientSecret": "secret", "expiresAt": expires_at}
    return Rotate.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("text", ["2027-03-01", "2027-03-01T00:00:00", "2027-03-01T00:00:00Z"])
def test_a_time_without_zone_is_utc(text: str) -> None:
    assert body(text).expires_at == datetime(2027, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_that_some_zone_cannot_show_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        body(text)
