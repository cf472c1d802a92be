"""config.yaml's `traces`: the export of spans. [pure]"""

from pydantic import Field

from controller.config.values import HttpUrl, Secret, Section


class Traces(Section):
    """Export of each finished call as an OpenTelemetry trace. The trace id is the id of the call. Needs the extra
    `otel`."""

    url: HttpUrl
    """The URL of an OTLP collector with its path: `http://127.0.0.1:4318/v1/traces`."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Further headers, such as the API key of the collector."""
    service: str = Field("voiceai", min_length=1, max_length=128)
