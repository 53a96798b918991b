"""A program that uses a running devhost over HTTP, through the JSON API, as any other would."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from support.simulator import Simulator

API = "/api/integrations/entra"
ENDED = {"completed", "partial", "failed", "cancelled", "held"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A status and the envelope that came with it."""

    status: int
    body: Json

    @property
    def data(self) -> Json:
        """The data of a success."""
        assert self.body.get("success") is True, (self.status, self.body)
        found = self.body["data"]
        assert isinstance(found, dict)
        return found

    @property
    def failure(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        assert self.body.get("success") is False, (self.status, self.body)
        assert str(self.body["error"]).endswith("."), "an error is a sentence"
        return self.status, str(self.body["code"])


class Program:
    """One signed-in session."""

    def __init__(self, base_url: str, login: str | None = None) -> None:
        self.http = httpx.Client(base_url=base_url, trust_env=False, timeout=60)
        self.csrf = ""
        if login is None:
            return
        try:
            self.sign_in(login)
        except Exception:
            self.http.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def sign_in(self, login: str) -> None:
        """Begin a session as one of the seeded accounts."""
        self.http.post("/session", json={"login": login}).raise_for_status()
        self.csrf = self.http.get("/session").json()["csrfToken"]

    def get(self, path: str, **query: str | int) -> Reply:
        """GET below the API's prefix."""
        return self._reply(self.http.get(API + path, params=query))

    def post(self, path: str, body: object = None, *, method: str = "POST") -> Reply:
        """POST (or PUT) JSON below the API's prefix."""
        headers = {"X-CSRF-Token": self.csrf}
        return self._reply(
            self.http.request(
                method, API + path, json={} if body is None else body, headers=headers
            )
        )

    def items(self, path: str, **query: str | int) -> list[Json]:
        """All items of a paged list."""
        return list(self._pages(path, query))

    def _pages(self, path: str, query: Mapping[str, str | int]) -> Iterator[Json]:
        cursor: Mapping[str, str] = {}
        while True:
            page = self.get(path, **query, **cursor).data
            found = page["items"]
            assert isinstance(found, list)
            yield from found
            if page["nextCursor"] is None:
                return
            cursor = {"cursor": str(page["nextCursor"])}

    def _reply(self, answer: httpx.Response) -> Reply:
        return Reply(answer.status_code, answer.json())

    def connect(self, simulator: Simulator, *, partner: int | None = 0) -> str:
        """Go through Microsoft's sign-in; answers where the callback sends the browser."""
        url = str(self.post("/connect/direct").data["authorizationUrl"])
        return self.call_back(simulator.sign_in(url, partner=partner))

    def call_back(self, query: Mapping[str, str]) -> str:
        """Come back from Microsoft."""
        answer = self.http.get("/api/auth/microsoft/entra/callback", params=dict(query))
        assert answer.status_code == httpx.codes.SEE_OTHER, (answer.status_code, answer.text)
        return urlsplit(answer.headers["location"]).query

    def finished(self, run_id: object, seconds: float = 120) -> Json:
        """The run, once it has ended."""
        return self.until(
            lambda: self.get(f"/runs/{run_id}").data,
            lambda run: run["state"] in ENDED,
            seconds,
            longest_pause=0.25,  # it stays so, and whoever asks takes time from those who work
        )

    def until(
        self,
        look: Callable[[], Json],
        good: Callable[[Json], bool],
        seconds: float = 60,
        *,
        longest_pause: float = 0.05,
    ) -> Json:
        """Look again until it is good, after pauses that grow to the longest."""
        deadline = time.monotonic() + seconds
        pause = 0.05
        while True:
            found = look()
            if good(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(pause)
            pause = min(1.5 * pause, longest_pause)

    def discover(self) -> Json:
        """Run a discovery to its end."""
        return self.finished(self.post("/discovery").data["runId"])

    def accept_exact(self, *, then_sync: bool = False, **decided: str) -> Json:
        """Confirm the automatic matches, and decide others by their display names."""
        preview = self.get("/mappings/preview").data
        auto, rest = preview["autoMatched"], [*preview["needsReview"], *preview["unmatched"]]
        assert isinstance(auto, list)
        decisions = [
            {
                "managedTenantId": row["managedTenantId"],
                "state": "mapped",
                "clientId": row["match"]["clientId"],
            }
            for row in auto
        ]
        for row in rest:
            state = next(
                (s for n, s in decided.items() if str(row["displayName"]).startswith(n)), None
            )
            if state in {"skipped", "create_new"}:
                decisions.append({"managedTenantId": row["managedTenantId"], "state": state})
            elif state:
                decisions.append(
                    {
                        "managedTenantId": row["managedTenantId"],
                        "state": "mapped",
                        "clientId": state,
                    }
                )
        body = {
            "version": preview["version"],
            "decisions": decisions,
            "startInitialSync": then_sync,
        }
        return self.post("/mappings/confirm", body).data

    def sync(self, scope: str = "all", **more: str) -> Json:
        """Run a sync to its end."""
        return self.finished(self.post("/sync", {"scope": scope, **more}).data["runId"])
