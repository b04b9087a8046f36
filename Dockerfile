# syntax=docker/dockerfile:1
# tests/packaging/test_container.py executes these steps in a Debian root, so keep to FROM, ARG, RUN, COPY, ENV & co.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
# uvloop has no wheel for 32-bit ARM and brings libuv, which wants the autotools.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential python3-dev \
    && if [ "$(dpkg --print-architecture)" = armhf ]; then \
           apt-get install --yes --no-install-recommends autoconf automake libtool; \
       fi \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE ./
COPY pwserver_ext pwserver_ext
COPY pwserver pwserver
COPY static static
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/pwserver \
    && /opt/pwserver/bin/python -m pip wheel --disable-pip-version-check --wheel-dir /wheels ".[notices]" \
    && /opt/pwserver/bin/python -m pip install --no-index --find-links /wheels "pwserver[notices]" \
    && /opt/pwserver/bin/python -P -c 'import pwserver_ext; assert all(pwserver_ext.compiled().values())' \
    && /opt/pwserver/bin/python -m pip uninstall --yes --quiet pip \
    && find /opt/pwserver -type d -name tests -path '*/pypowerwall/*' -prune -exec rm -rf {} + \
    && strip --strip-unneeded /opt/pwserver/lib/python3.*/site-packages/uvloop/loop.*.so

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="pwserver" \
      org.opencontainers.image.description="Live data from Tesla Powerwalls for everything that wants it" \
      org.opencontainers.image.licenses="MIT"
# curl and wget: the compose files of dashboards call one or the other in their health checks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl wget \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -m 1777 /data /auth /app
# The official images carry Python's own modules untranslated, and each start and each health check would translate them
# anew: 14 MB more take two thirds off a health check.
RUN python3 -m compileall -q -x '/(ensurepip|idlelib|lib2to3|pydoc_data|site-packages|tkinter|turtledemo)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/pwserver /opt/pwserver
COPY --chmod=0755 deploy/container/as-owner /opt/pwserver/door/pwserver
RUN for name in pypowerwall-server python python3; do ln -s pwserver "/opt/pwserver/door/$name"; done
ENV PATH=/opt/pwserver/door:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PW_HISTORY_PATH=/data
# Relative folders of the dashboards' compose files (PW_AUTH_PATH=.auth, mounted at /app/.auth) start here.
WORKDIR /app
VOLUME ["/data", "/auth"]
EXPOSE 8675
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 CMD ["pwserver", "healthcheck"]
ENTRYPOINT ["pwserver"]
