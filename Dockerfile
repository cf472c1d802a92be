# One image for controller and bridge workers: `voiceai serve` and `voiceai bridge`.
# The base is named by version and digest, so that the same source gives the same image; how to renew it:
# docs/production.md, "Base images". Both lines name the same one.
FROM python:3.11.16-slim-trixie@sha256:be1575ed968de893bd54f4c56315ff7c4736ce522c1bca08fd521731aafc0d76 AS build
WORKDIR /src
RUN python -m venv /opt/voiceai
# The locked packages first: they change seldom, and this layer is then taken from the cache.
# With the extras: the drivers of PostgreSQL and of Valkey, and traces.
COPY requirements-extras.lock ./
RUN /opt/voiceai/bin/pip install --no-cache-dir --require-hashes -r requirements-extras.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge/ bridge/
COPY controller/ controller/
COPY simulator/ simulator/
COPY demo/ demo/
RUN /opt/voiceai/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11.16-slim-trixie@sha256:be1575ed968de893bd54f4c56315ff7c4736ce522c1bca08fd521731aafc0d76
RUN useradd --system --uid 10001 --home-dir /var/lib/voiceai --create-home voiceai
COPY --from=build /opt/voiceai /opt/voiceai
ENV PATH=/opt/voiceai/bin:$PATH PYTHONUNBUFFERED=1
USER voiceai
WORKDIR /var/lib/voiceai
ENTRYPOINT ["voiceai"]
CMD ["--help"]
