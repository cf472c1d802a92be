"""Operations of the API: statistics. Made from the OpenAPI document (`make reference`)."""

from datetime import datetime
from typing import Literal

from voiceai_client.models.statistics import StatisticsAnswer
from voiceai_client.requests import Request, given
from voiceai_client.sync_http import SyncHttp


class StatisticsOperations:
    def __init__(self, http: SyncHttp) -> None:
        self._http = http

    def show(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        group: Literal["day", "agent", "trunk"] | None = None,
        zone: str | None = None,
        direction: Literal["inbound", "outbound"] | None = None,
        agent: str | None = None,
        trunk: str | None = None,
    ) -> StatisticsAnswer:
        """Figures of ended calls by day, agent or trunk. Scope: read.

        since: Calls that started at this time or later. Default: 30 days before `until`.
        until: Calls that started before this time, at most 366 days after `since`. Default: now.
        group: Default: 'day'.
        zone: The time zone of the days, such as Europe/Berlin. Default: UTC.
        """
        asked = given(
            {
                "since": since,
                "until": until,
                "group": group,
                "zone": zone,
                "direction": direction,
                "agent": agent,
                "trunk": trunk,
            }
        )
        return self._http.ask(StatisticsAnswer, Request("GET", "/v1/statistics", query=asked))
