# livefer serve in a container: docs/serve.md#in-a-container
# The image holds one environment with livefer and its web extra, and no compiler, pip cache or root.
FROM python:3.13-slim AS build
WORKDIR /livefer
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN python -m venv /opt/livefer \
    && /opt/livefer/bin/python -m pip install --no-cache-dir ".[web]"

FROM python:3.13-slim
COPY --from=build /opt/livefer /opt/livefer
# Nobody needs a home: nothing is written, so the root file system may be read-only.
USER 10001:10001
ENV PATH=/opt/livefer/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIVEFER_HOST=0.0.0.0 \
    LIVEFER_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"LIVEFER_PORT\"]}/healthz', timeout=4)"]
CMD ["livefer", "serve"]
