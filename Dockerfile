# The service, with what it needs to run and nothing that builds or tests it.
FROM python:3.11.16-slim-bookworm AS build
COPY .ci/image.lock /build/
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-input --disable-pip-version-check \
        --only-binary :all: --require-hashes -r /build/image.lock \
    && printf '#!/bin/sh\nexec /venv/bin/python -m callrouter "$@"\n' > /venv/bin/callrouter \
    && chmod +x /venv/bin/callrouter
COPY callrouter /app/callrouter
RUN python -m compileall -q /app/callrouter

FROM python:3.11.16-slim-bookworm
RUN groupadd --gid 10001 callrouter \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin callrouter \
    && install -d -m 700 -o callrouter -g callrouter /data
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CALLROUTER_DATA_DIR=/data \
    CALLROUTER_DIALPLANS=/dialplans
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8080
# The first SIGTERM lets live auctions finish; give it 30 s (docker stop --time 30).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
# No shell in between: the signal reaches us.
ENTRYPOINT ["python", "-m", "callrouter"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
