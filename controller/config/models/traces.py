"""config.yaml's `traces`: the export of spans. [pure]"""

from pydantic import Field

from controller.config.values import HttpUrl, Secret, Section


class Traces(Section):
    """Each call as an OpenTelemetry trace, when it is over; its trace id is the call's id. Needs the extra `otel`."""

    url: HttpUrl
    """Of an OTLP collector, with its path: `http://127.0.0.1:4318/v1/traces`."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Further headers, such as the collector's key."""
    service: str = Field("voiceai", min_length=1, max_length=128)
